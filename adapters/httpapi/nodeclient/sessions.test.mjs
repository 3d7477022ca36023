import assert from "node:assert/strict";
import { test } from "node:test";
import stytch from "stytch";
import { answered, baseURL, client, code, id, login, projectID, refused, time } from "./support.mjs";

const decode = (jwt) => jwt.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));

// invalid wants the client itself to find a JWT bad.
const invalid = (call) =>
  assert.rejects(call, (err) => err instanceof stytch.ClientError && err.code === "jwt_invalid");

test("a session from a code", async () => {
  const auth = await login("+12025550130", {
    session_duration_minutes: 60,
    session_custom_claims: { plan: "gold", deep: { a: 1, b: 2 }, sub: "mallory" },
    attributes: { ip_address: "203.0.113.7", user_agent: "Toaster/2.0" },
  });
  const { session } = auth;
  assert.match(session.session_id, id("session"));
  assert.equal(session.user_id, auth.user_id);
  assert.deepEqual(session.custom_claims, { plan: "gold", deep: { a: 1, b: 2 } });
  assert.deepEqual(session.attributes, { ip_address: "203.0.113.7", user_agent: "Toaster/2.0" });
  assert.deepEqual(session.roles, []);
  const [factor, ...more] = session.authentication_factors;
  assert.deepEqual(more, []);
  for (const moment of [session.started_at, session.last_accessed_at, session.expires_at, factor.last_authenticated_at]) {
    assert.match(moment, time);
  }
  assert.deepEqual([factor.type, factor.delivery_method], ["otp", "sms"]);

  const [header, payload] = decode(auth.session_jwt);
  assert.deepEqual([header.alg, header.typ], ["RS256", "JWT"]);
  assert.equal(payload.iss, `stytch.com/${projectID}`);
  assert.deepEqual(payload.aud, [projectID]);
  assert.equal(payload.sub, auth.user_id);
  assert.equal(payload.exp - payload.iat, 300);
  assert.equal(payload.nbf, payload.iat);
  assert.equal(payload.plan, "gold");
  assert.equal("jti" in payload, false);

  // The client's own check, which asks for the key set only.
  const local = await client.sessions.authenticateJwtLocal({ session_jwt: auth.session_jwt });
  assert.equal(local.session_id, session.session_id);
  assert.equal(local.user_id, auth.user_id);
  assert.deepEqual(local.custom_claims, session.custom_claims);
  assert.deepEqual(local.roles, []);
  assert.deepEqual(local.attributes, session.attributes);
  assert.deepEqual(local.authentication_factors.map((f) => f.delivery_method), ["sms"]);
  assert.ok(Math.abs(new Date(local.expires_at) - new Date(session.expires_at)) < 1000);

  const byJWT = await client.sessions.authenticateJwt({ session_jwt: auth.session_jwt });
  assert.equal(byJWT.session_jwt, auth.session_jwt); // nobody was asked
  assert.equal(byJWT.session_token, undefined);
  const asked = answered(
    await client.sessions.authenticateJwt({
      session_jwt: auth.session_jwt,
      max_token_age_seconds: 0,
      session_custom_claims: { asked: true },
    }),
  );
  assert.equal(asked.session.session_id, session.session_id);
  assert.equal(asked.session.custom_claims.asked, true);
  assert.equal(asked.user.user_id, auth.user_id);
  await client.sessions.authenticateJwtLocal({ session_jwt: asked.session_jwt, max_token_age_seconds: 60 });
  answered(await client.sessions.authenticate({ session_token: asked.session_token }));
  answered(await client.sessions.authenticate({ session_token: auth.session_token }));

  // Ten minutes from now it has expired, to who checks it alone.
  await invalid(
    client.sessions.authenticateJwtLocal({ session_jwt: auth.session_jwt, current_date: new Date(Date.now() + 600e3) }),
  );
});

test("authenticate extends a session and changes its claims", async () => {
  const { session_token, session, user } = await login("+12025550131", {
    session_duration_minutes: 5,
    session_custom_claims: { a: { b: 1, c: 2 }, d: 3 },
  });
  const seen = answered(await client.sessions.authenticate({ session_token }));
  assert.equal(seen.session_token, session_token);
  assert.equal(seen.session.expires_at, session.expires_at);
  assert.deepEqual(seen.user, user);
  const changed = answered(
    await client.sessions.authenticate({
      session_token,
      session_duration_minutes: 120,
      session_custom_claims: { a: { b: null, e: 4 }, d: null },
    }),
  );
  assert.deepEqual(changed.session.custom_claims, { a: { c: 2, e: 4 } });
  const longer = (new Date(changed.session.expires_at) - new Date(session.expires_at)) / 60e3;
  assert.ok(longer > 114 && longer < 116, `${longer} minutes longer`);
  const local = await client.sessions.authenticateJwtLocal({ session_jwt: changed.session_jwt });
  assert.deepEqual(local.custom_claims, { a: { c: 2, e: 4 } });
});

test("list and revoke", async () => {
  const phone = "+12025550132";
  const one = await login(phone, { session_duration_minutes: 60 });
  const two = await login(phone, { session_duration_minutes: 60 });
  const three = await login(phone, { session_duration_minutes: 60 });
  const { user_id } = one;
  await client.users.update({ user_id, external_id: "lister" });
  const list = async (user) => answered(await client.sessions.get({ user_id: user })).sessions.map((s) => s.session_id);
  const all = [one, two, three].map((auth) => auth.session.session_id).sort();
  assert.deepEqual((await list(user_id)).sort(), all);
  assert.deepEqual((await list("lister")).sort(), all);

  answered(await client.sessions.revoke({ session_id: one.session.session_id }));
  answered(await client.sessions.revoke({ session_token: two.session_token }));
  assert.deepEqual(await list(user_id), [three.session.session_id]);
  answered(await client.sessions.revoke({ session_jwt: three.session_jwt }));
  assert.deepEqual(await list(user_id), []);
  for (const { session_token, session_jwt } of [one, two, three]) {
    await refused(client.sessions.authenticate({ session_token }), 404, "session_not_found");
    await refused(client.sessions.authenticate({ session_jwt }), 404, "session_not_found");
    // Who checks JWTs alone learns of it when they expire.
    await client.sessions.authenticateJwtLocal({ session_jwt });
  }
  await refused(client.sessions.revoke({ session_token: two.session_token }), 404, "session_not_found");
  const nobody = "user-test-00000000-0000-4000-8000-000000000000";
  await refused(client.sessions.get({ user_id: nobody }), 404, "user_not_found");
});

test("the key set", async () => {
  const jwks = answered(await client.sessions.getJWKS({ project_id: projectID }));
  const { session_jwt } = await login("+12025550133", { session_duration_minutes: 5 });
  const [{ kid }] = decode(session_jwt);
  assert.ok(jwks.keys.some((key) => key.kid === kid));
  for (const key of jwks.keys) {
    assert.match(key.kid, id("jwk"));
    assert.deepEqual([key.kty, key.use, key.alg, key.key_ops], ["RSA", "sig", "RS256", ["verify"]]);
    assert.deepEqual(Object.keys(key).sort(), ["alg", "e", "key_ops", "kid", "kty", "n", "use", "x5c", "x5tS256"]);
  }
  // Anybody may fetch it: that is how this client does.
  const response = await fetch(`${baseURL}/v1/sessions/jwks/${projectID}`);
  assert.equal(response.status, 200);
  assert.deepEqual((await response.json()).keys, jwks.keys);
  const other = "project-test-00000000-0000-4000-8000-000000000000";
  await refused(client.sessions.getJWKS({ project_id: other }), 404, "project_not_found");
});

test("JWTs that were tampered with", async () => {
  const { session_jwt } = await login("+12025550134", { session_duration_minutes: 60 });
  const [header, payload, signature] = session_jwt.split(".");
  const [head, claims] = decode(session_jwt);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const bad of [
    [header, encode({ ...claims, sub: "user-test-00000000-0000-4000-8000-000000000000" }), signature],
    [header, payload, signature.slice(0, -8) + "AAAAAAAA"],
    [encode({ ...head, alg: "none" }), payload, ""],
    [encode({ ...head, kid: "jwk-test-00000000-0000-4000-8000-000000000000" }), payload, signature],
    ["a", "b", "c"],
  ].map((parts) => parts.join("."))) {
    await invalid(client.sessions.authenticateJwtLocal({ session_jwt: bad }));
    await refused(client.sessions.authenticateJwt({ session_jwt: bad }), 400, "unable_to_parse_session_jwt");
    await refused(client.sessions.revoke({ session_jwt: bad }), 400, "unable_to_parse_session_jwt");
  }
});

test("what is refused of sessions", async () => {
  const phone = "+12025550135";
  const { session_token, session_jwt } = await login(phone, { session_duration_minutes: 60 });
  const auth = (params) => client.sessions.authenticate(params);
  await refused(auth({ session_token, session_jwt }), 400, "too_many_session_arguments");
  await refused(auth({}), 400, "no_session_arguments");
  await refused(auth({ session_token: "mine" }), 400, "invalid_session_token");
  await refused(auth({ session_token, session_duration_minutes: 4 }), 400, "invalid_session_duration_minutes");
  await refused(auth({ session_token, session_duration_minutes: 527041 }), 400, "invalid_session_duration_minutes");
  await refused(auth({ session_token, session_custom_claims: { big: "x".repeat(5000) } }), 400, "custom_claims_too_large");
  await refused(
    auth({ session_token, session_custom_claims: { "https://stytch.com/session": {} } }),
    400,
    "stytch_claims_in_custom_claims",
  );
  await refused(
    auth({ session_token, authorization_check: { resource_id: "vault", action: "open" } }),
    403,
    "consumer_session_authorization_error",
  );
  await refused(client.sessions.revoke({}), 400, "no_session_revoke_arguments");
  await refused(client.sessions.revoke({ session_token, session_jwt }), 400, "too_many_session_revoke_arguments");
  await refused(client.sessions.revoke({ session_id: "mine" }), 400, "invalid_session_id");
  answered(await auth({ session_token })); // it outlived all that

  // A session of somebody else, before the code is used up.
  const other = "+12025550136";
  const { phone_id } = await client.otps.sms.loginOrCreate({ phone_number: other });
  const enter = { method_id: phone_id, code: code(other) };
  await refused(client.otps.authenticate({ ...enter, session_token }), 400, "user_id_mismatch");
  answered(await client.otps.authenticate(enter));
});

test("MFA: a second factor on a session", async () => {
  const first = await login("+12025550137", { session_duration_minutes: 60, session_custom_claims: { plan: "gold" } });
  const email = "second@example.com";
  // The session says whose address it becomes.
  const sent = answered(await client.otps.email.send({ email, session_token: first.session_token }));
  assert.equal(sent.user_id, first.user_id);
  const second = answered(
    await client.otps.authenticate({ method_id: sent.email_id, code: code(email), session_token: first.session_token }),
  );
  const { session } = second;
  assert.equal(session.session_id, first.session.session_id);
  assert.equal(session.expires_at, first.session.expires_at); // no duration was asked for
  assert.deepEqual(session.custom_claims, { plan: "gold" });
  const factors = session.authentication_factors;
  assert.deepEqual(factors.map((f) => f.delivery_method), ["sms", "email"]);
  assert.equal(factors[1].type, "email_otp");
  assert.deepEqual(factors[1].email_factor, { email_id: sent.email_id, email_address: email });
  const local = await client.sessions.authenticateJwtLocal({ session_jwt: second.session_jwt });
  assert.equal(local.authentication_factors.length, 2);

  // The step up gave it a new token; what was known before is nothing now.
  assert.notEqual(second.session_token, first.session_token);
  await refused(client.sessions.authenticate({ session_token: first.session_token }), 404, "session_not_found");
  const { session_token } = second;
  answered(await client.sessions.authenticate({ session_token }));

  // The same factor once more is renewed, by JWT this time.
  const again = answered(await client.otps.email.send({ email, session_jwt: second.session_jwt }));
  const third = answered(
    await client.otps.authenticate({
      method_id: again.email_id,
      code: code(email),
      session_jwt: second.session_jwt,
      session_duration_minutes: 120,
    }),
  );
  assert.deepEqual(third.session.authentication_factors.map((f) => f.delivery_method), ["sms", "email"]);
  assert.ok(new Date(third.session.expires_at) > new Date(session.expires_at));

  // A session loses a factor that the user loses.
  answered(await client.users.deleteEmail({ email_id: sent.email_id }));
  const left = answered(await client.sessions.authenticate({ session_token: third.session_token }));
  assert.deepEqual(left.session.authentication_factors.map((f) => f.delivery_method), ["sms"]);
});
