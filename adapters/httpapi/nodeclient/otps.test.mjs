import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, client, code, id, letters, login, plain, refused, wrong } from "./support.mjs";

test("overview: a new auth solution with SMS", async () => {
  const phone = "+12025550101";
  const sent = answered(await client.otps.sms.loginOrCreate({ phone_number: phone }));
  assert.equal(sent.user_created, true);
  assert.match(sent.user_id, id("user"));
  assert.match(sent.phone_id, id("phone-number"));

  const auth = answered(await client.otps.authenticate({ method_id: sent.phone_id, code: code(phone) }));
  assert.equal(auth.user_id, sent.user_id);
  assert.equal(auth.method_id, sent.phone_id);
  assert.equal(auth.reset_sessions, false);
  assert.deepEqual([auth.session, auth.session_token, auth.session_jwt], [null, "", ""]);
  assert.equal(auth.user.status, "active");
  assert.deepEqual(auth.user.phone_numbers, [{ phone_id: sent.phone_id, phone_number: phone, verified: true }]);

  // "If you'd like to keep this user logged-in for a while".
  const again = answered(await client.otps.sms.loginOrCreate({ phone_number: phone }));
  assert.equal(again.user_created, false);
  assert.deepEqual([again.user_id, again.phone_id], [sent.user_id, sent.phone_id]);
  const kept = answered(
    await client.otps.authenticate({ method_id: sent.phone_id, code: code(phone), session_duration_minutes: 60 }),
  );
  assert.match(kept.session.session_id, id("session"));
  const left = new Date(kept.session.expires_at) - new Date(kept.session.last_accessed_at);
  assert.ok(Math.abs(left - 3600e3) < 2000, `${left} ms left`);
});

test("overview: MFA for a user who is created", async () => {
  const phone = "+12025550102";
  const user = answered(await client.users.create({ phone_number: phone }), 201);
  assert.equal(user.email_id, "");
  const sent = answered(await client.otps.sms.send({ phone_number: phone }));
  assert.deepEqual([sent.user_id, sent.phone_id], [user.user_id, user.phone_id]);
  const auth = answered(await client.otps.authenticate({ method_id: user.phone_id, code: code(phone) }));
  assert.equal(auth.user_id, user.user_id);
});

test("overview: MFA for a user who is updated", async () => {
  const email = "updated@example.com";
  const phone = "+12025550103";
  const user = answered(await client.otps.email.loginOrCreate({ email }));
  answered(await client.otps.authenticate({ method_id: user.email_id, code: code(email) }));
  // This client's update leaves addresses out; older ones had them like this.
  const { status, body } = await plain("PUT", `/v1/users/${user.user_id}`, { phone_numbers: [{ phone_number: phone }] });
  assert.equal(status, 200, JSON.stringify(body));
  const added = body.phone_numbers;
  assert.equal(added.length, 1);
  assert.deepEqual([added[0].phone_number, added[0].verified], [phone, false]);
  const sent = answered(await client.otps.sms.send({ phone_number: phone }));
  assert.deepEqual([sent.user_id, sent.phone_id], [user.user_id, added[0].phone_id]);
  const auth = answered(await client.otps.authenticate({ method_id: sent.phone_id, code: code(phone) }));
  assert.equal(auth.user.phone_numbers[0].verified, true);
});

for (const [channel, field, methodID, to] of [
  ["sms", "phone_number", "phone_id", "+12025550104"],
  ["whatsapp", "phone_number", "phone_id", "+12025550105"],
  ["email", "email", "email_id", "channel@example.com"],
]) {
  test(`login_or_create and send by ${channel}`, async () => {
    const calls = client.otps[channel];
    const notFound = channel === "email" ? "email_not_found" : "phone_number_not_found";
    await refused(calls.send({ [field]: to }), 404, notFound);

    const made = answered(
      await calls.loginOrCreate({
        [field]: to,
        expiration_minutes: 10,
        locale: "es",
        create_user_as_pending: true,
        attributes: { ip_address: "203.0.113.7", user_agent: "Toaster/2.0" },
      }),
    );
    assert.equal(made.user_created, true);
    const first = code(to);
    const letter = letters(to).at(-1);
    assert.deepEqual([letter.channel, letter.locale], [channel, "es"]);
    assert.equal((await client.users.get({ user_id: made.user_id })).status, "pending");

    const sent = answered(await calls.send({ [field]: to }));
    assert.deepEqual([sent.user_id, sent[methodID]], [made.user_id, made[methodID]]);
    assert.equal("user_created" in sent, false);
    assert.equal(letters(to).length, 2);
    const second = code(to);

    const method_id = made[methodID];
    await refused(client.otps.authenticate({ method_id, code: wrong(second) }), 404, "otp_code_not_found");
    if (first !== second) {
      await refused(client.otps.authenticate({ method_id, code: first }), 404, "otp_code_not_found");
    }
    const auth = answered(await client.otps.authenticate({ method_id, code: second, session_duration_minutes: 5 }));
    assert.equal(auth.user.status, "active");
    const [factor] = auth.session.authentication_factors;
    assert.equal(factor.delivery_method, channel);
    assert.deepEqual(
      factor[channel === "email" ? "email_factor" : "phone_number_factor"],
      channel === "email" ? { email_id: method_id, email_address: to } : { phone_id: method_id, phone_number: to },
    );
    await refused(client.otps.authenticate({ method_id, code: second }), 401, "unable_to_auth_otp_code");
  });
}

test("SMS and WhatsApp are one phone number", async () => {
  const phone = "+12025550106";
  const sms = answered(await client.otps.sms.loginOrCreate({ phone_number: phone }));
  const whatsapp = answered(await client.otps.whatsapp.loginOrCreate({ phone_number: phone }));
  assert.deepEqual([whatsapp.user_id, whatsapp.phone_id], [sms.user_id, sms.phone_id]);
  assert.deepEqual(letters(phone).map((l) => l.channel), ["sms", "whatsapp"]);
});

test("send adds an address to a user", async () => {
  const { user_id } = await login("+12025550107");
  const email = "added@example.com";
  const sent = answered(await client.otps.email.send({ email, user_id }));
  assert.equal(sent.user_id, user_id);
  await refused(client.otps.sms.send({ phone_number: "+12025550108", user_id }), 400, "too_many_unverified_factors");
  const auth = answered(await client.otps.authenticate({ method_id: sent.email_id, code: code(email) }));
  assert.equal(auth.user_id, user_id);
  assert.deepEqual(auth.user.emails, [{ email_id: sent.email_id, email, verified: true }]);

  const other = await login("+12025550109");
  await refused(client.otps.email.send({ email, user_id: other.user_id }), 400, "duplicate_email");
});

test("what cannot be sent", async () => {
  const sms = client.otps.sms;
  await refused(sms.loginOrCreate({ phone_number: "12025550110" }), 400, "invalid_phone_number");
  await refused(sms.loginOrCreate({ phone_number: "+12423591234" }), 400, "invalid_phone_number_country_code"); // Bahamas
  await refused(sms.loginOrCreate({ phone_number: "+12025550110", expiration_minutes: 11 }), 400, "invalid_expiration_otp");
  await refused(sms.loginOrCreate({ phone_number: "+12025550110", locale: "tlh" }), 400, "invalid_locale");
  await refused(client.otps.email.loginOrCreate({ email: "nobody" }), 400, "invalid_email");
  await refused(
    client.otps.email.loginOrCreate({ email: "nobody@example.com", login_template_id: "mine" }),
    404,
    "email_template_not_found",
  );
  assert.equal(letters("+12025550110").length, 0);
});

test("what cannot be authenticated", async () => {
  const phone = "+12025550111";
  const sent = await client.otps.sms.loginOrCreate({ phone_number: phone });
  const method_id = sent.phone_id;
  await refused(client.otps.authenticate({ method_id: "mine", code: code(phone) }), 400, "invalid_method_id");
  await refused(client.otps.authenticate({ method_id, code: "12345" }), 400, "invalid_code");
  await refused(
    client.otps.authenticate({ method_id: "phone-number-test-00000000-0000-4000-8000-000000000000", code: "123456" }),
    404,
    "otp_code_not_found",
  );
  // A session that cannot be made uses up no code.
  await refused(
    client.otps.authenticate({ method_id, code: code(phone), session_duration_minutes: 4 }),
    400,
    "invalid_session_duration_minutes",
  );
  answered(await client.otps.authenticate({ method_id, code: code(phone) }));
});

test("a code can be bound to its client", async () => {
  const phone = "+12025550112";
  const attributes = { ip_address: "203.0.113.7", user_agent: "Toaster/2.0" };
  const { phone_id } = await client.otps.sms.loginOrCreate({ phone_number: phone, attributes });
  const auth = (change) =>
    client.otps.authenticate({
      method_id: phone_id,
      code: code(phone),
      attributes: { ...attributes, ...change },
      options: { ip_match_required: true, user_agent_match_required: true },
    });
  await refused(auth({ ip_address: "203.0.113.8" }), 401, "attribute_mismatch");
  await refused(auth({ user_agent: "Kettle/1.0" }), 401, "attribute_mismatch");
  answered(await auth({}));
});

test("ten wrong codes lock the user", async () => {
  const phone = "+12025550113";
  let method_id;
  for (let round = 0; round < 2; round++) {
    method_id = (await client.otps.sms.loginOrCreate({ phone_number: phone })).phone_id;
    for (let i = 0; i < 5; i++) {
      await refused(client.otps.authenticate({ method_id, code: wrong(code(phone)) }), 404, "otp_code_not_found");
    }
  }
  await refused(client.otps.authenticate({ method_id, code: code(phone) }), 429, "user_lock_limit_reached");
  const { results } = await client.users.search({
    query: { operator: "AND", operands: [{ filter_name: "phone_number", filter_value: [phone] }] },
  });
  assert.equal(results[0].is_locked, true);
  assert.ok(new Date(results[0].lock_expires_at) > new Date(results[0].lock_created_at));
});
