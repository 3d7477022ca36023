import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, client, id, login, refused, totp, wrong } from "./support.mjs";

test("an authenticator app as second factor", async () => {
  const first = await login("+12025550140", { session_duration_minutes: 60 });
  const { user_id, session_token } = first;
  const app = answered(await client.totps.create({ user_id, expiration_minutes: 5 }));
  assert.match(app.totp_id, id("totp"));
  assert.match(app.secret, /^[A-Z2-7]{32}$/);
  const png = Buffer.from(app.qr_code.replace(/^data:image\/png;base64, ?/, ""), "base64");
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  assert.equal(app.recovery_codes.length, 10);
  assert.ok(app.recovery_codes.every((c) => /^[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}$/.test(c)));
  assert.equal(new Set(app.recovery_codes).size, 10);
  assert.equal(app.user_id, user_id);
  assert.deepEqual(app.user.totps, [{ totp_id: app.totp_id, verified: false }]);

  const enter = (totp_code, more = {}) => client.totps.authenticate({ user_id, totp_code, ...more });
  await refused(enter("12345"), 400, "invalid_totp_code");
  await refused(enter(app.recovery_codes[0]), 400, "recovery_code_used_as_totp_code");
  await refused(enter(wrong(totp(app.secret))), 401, "unable_to_authenticate_totp");

  const now = totp(app.secret);
  const second = answered(await enter(now, { session_token, session_custom_claims: { strong: true } }));
  assert.deepEqual([second.user_id, second.totp_id], [user_id, app.totp_id]);
  assert.deepEqual(second.user.totps, [{ totp_id: app.totp_id, verified: true }]);
  const factors = second.session.authentication_factors;
  assert.deepEqual(factors.map((f) => f.delivery_method), ["sms", "authenticator_app"]);
  assert.equal(factors[1].type, "totp");
  assert.deepEqual(factors[1].authenticator_app_factor, { totp_id: app.totp_id });
  const local = await client.sessions.authenticateJwtLocal({ session_jwt: second.session_jwt });
  assert.equal(local.custom_claims.strong, true);
  assert.equal(local.authentication_factors.length, 2);

  await refused(enter(now), 401, "totp_code_already_authenticated");
  const plain = answered(await enter(totp(app.secret, 1)));
  assert.deepEqual([plain.session, plain.session_token, plain.session_jwt], [null, "", ""]);
  await refused(client.totps.create({ user_id }), 400, "active_totp_exists");

  // Deleted, it is gone from user and session.
  const without = answered(await client.users.deleteTOTP({ totp_id: app.totp_id }));
  assert.equal(without.user_id, user_id);
  assert.deepEqual(without.user.totps, []);
  const left = answered(await client.sessions.authenticate({ session_token: second.session_token }));
  assert.deepEqual(left.session.authentication_factors.map((f) => f.delivery_method), ["sms"]);
  await refused(enter(totp(app.secret, 2)), 404, "totps_not_found_for_user");
  await refused(client.users.deleteTOTP({ totp_id: app.totp_id }), 404, "totp_not_found");
  answered(await client.totps.create({ user_id }));
});

test("recovery codes", async () => {
  const { user_id } = await client.users.create({ phone_number: "+12025550141", external_id: "forgetful" });
  const app = answered(await client.totps.create({ user_id: "forgetful" }));
  answered(await client.totps.authenticate({ user_id, totp_code: totp(app.secret) }));
  const list = async () => {
    const { totps, ...rest } = answered(await client.totps.recoveryCodes({ user_id }));
    assert.equal(rest.user_id, user_id);
    assert.deepEqual([totps.length, totps[0].totp_id, totps[0].verified], [1, app.totp_id, true]);
    return totps[0].recovery_codes;
  };
  assert.deepEqual((await list()).sort(), [...app.recovery_codes].sort());

  const used = app.recovery_codes[3];
  const recovered = answered(await client.totps.recover({ user_id, recovery_code: used, session_duration_minutes: 60 }));
  assert.deepEqual([recovered.user_id, recovered.totp_id], [user_id, app.totp_id]);
  const [factor] = recovered.session.authentication_factors;
  assert.equal(factor.delivery_method, "recovery_code");
  assert.match(factor.recovery_code_factor.totp_recovery_code_id, id("totp-recovery-code"));
  await client.sessions.authenticateJwtLocal({ session_jwt: recovered.session_jwt });

  const recover = (recovery_code) => client.totps.recover({ user_id, recovery_code });
  await refused(recover(used), 401, "unable_to_authenticate_recovery_code");
  await refused(recover("zzzz"), 400, "invalid_recovery_code");
  await refused(recover("123456"), 400, "totp_code_used_as_recovery_code");
  assert.deepEqual(await list(), app.recovery_codes.filter((c) => c !== used));
});

test("apps that are not there", async () => {
  const { user_id } = await client.users.create({ phone_number: "+12025550142" });
  const nobody = "user-test-00000000-0000-4000-8000-000000000000";
  await refused(client.totps.create({ user_id: nobody }), 404, "user_not_found");
  await refused(client.totps.create({ user_id, expiration_minutes: 1441 }), 400, "invalid_expiration");
  await refused(client.totps.authenticate({ user_id, totp_code: "123456" }), 404, "totps_not_found_for_user");
  await refused(client.totps.recover({ user_id, recovery_code: "a1b2-c3d4-e5f6" }), 404, "recovery_codes_not_found");

  // One that waits for its first code gives way to another.
  const one = await client.totps.create({ user_id });
  const two = answered(await client.totps.create({ user_id }));
  assert.deepEqual(two.user.totps, [{ totp_id: two.totp_id, verified: false }]);
  await refused(client.totps.authenticate({ user_id, totp_code: totp(one.secret) }), 401, "unable_to_authenticate_totp");
  answered(await client.totps.authenticate({ user_id, totp_code: totp(two.secret) }));
});

test("ten wrong codes lock the user", async () => {
  const phone = "+12025550143";
  const { user_id } = await login(phone);
  const app = await client.totps.create({ user_id });
  for (let i = 0; i < 10; i++) {
    await refused(
      client.totps.authenticate({ user_id, totp_code: wrong(totp(app.secret)) }),
      401,
      "unable_to_authenticate_totp",
    );
  }
  await refused(client.totps.authenticate({ user_id, totp_code: totp(app.secret) }), 429, "user_lock_limit_reached");
  assert.equal((await client.users.get({ user_id })).is_locked, true);
  // The lock is the user's, whatever the factor.
  await refused(client.otps.sms.loginOrCreate({ phone_number: phone }), 429, "user_lock_limit_reached");
});
