import assert from "node:assert/strict";
import { test } from "node:test";
import stytch from "stytch";
import { answered, client, letters, newClient, plain, refused } from "./support.mjs";

test("who is not let in", async () => {
  const nobody = { user_id: "user-test-00000000-0000-4000-8000-000000000000" };
  await refused(newClient({ secret: "secret-test-wrong-0123456789" }).users.get(nobody), 401, "unauthorized_credentials");
  const other = "project-test-00000000-0000-4000-8000-000000000000";
  await refused(newClient({ project_id: other }).users.get(nobody), 401, "unauthorized_credentials");
  await refused(newClient({ project_id: "mine" }).users.get(nobody), 400, "invalid_project_id_authentication");
  await refused(client.users.get(nobody), 404, "user_not_found");
});

test("nobody there", async () => {
  const lost = newClient({ env: "http://127.0.0.1:1/" });
  await assert.rejects(lost.users.get({ user_id: "x" }), (err) => err instanceof stytch.RequestError);
});

test("calls that this server does not have", async () => {
  await refused(client.passwords.create({ email: "x@example.com", password: "correct horse" }), 404, "route_not_found");
  await refused(client.magicLinks.email.loginOrCreate({ email: "x@example.com" }), 404, "route_not_found");
  const { status, body } = await plain("PATCH", "/v1/users/search", {});
  assert.deepEqual([status, body.error_type], [405, "method_not_allowed"]);
});

test("sandbox: passcodes", async () => {
  const phone = "+10000000000";
  const email = "sandbox@stytch.com";
  for (const [calls, to, methodID] of [
    [client.otps.sms, { phone_number: phone }, "phone_id"],
    [client.otps.whatsapp, { phone_number: phone }, "phone_id"],
    [client.otps.email, { email }, "email_id"],
  ]) {
    for (const send of [(r) => calls.loginOrCreate(r), (r) => calls.send(r)]) {
      const sent = answered(await send(to));
      assert.equal(sent.user_id, "user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd");
      const auth = answered(await client.otps.authenticate({ method_id: sent[methodID], code: "000000" }));
      assert.equal(auth.user_id, sent.user_id);
      await refused(client.otps.authenticate({ method_id: sent[methodID], code: "123456" }), 404, "otp_code_not_found");
    }
  }
  assert.equal(letters(phone).length + letters(email).length, 0);
});

test("sandbox: sessions", async () => {
  const session_token = "WJtR5BCy38Szd5AfoDpf0iqFKEt4EE5JhjlWUY7l3FtY";
  const user_id = "user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd";
  const seen = answered(await client.sessions.authenticate({ session_token }));
  assert.equal(seen.session_token, session_token);
  assert.equal(seen.session.session_id, "session-test-eb94233f-8800-4ebd-8645-51dc15f9d028");
  assert.equal(seen.session.user_id, user_id);
  await client.sessions.authenticateJwtLocal({ session_jwt: seen.session_jwt });
  const dead = "59cnLELtq5cFVS6uYK9f-pAWzBkhqZl8AvLhbhOvKNWw";
  await refused(client.sessions.authenticate({ session_token: dead }), 404, "session_not_found");
  await refused(client.sessions.get({ user_id }), 404, "user_not_found");
});

test("sandbox: authenticator apps", async () => {
  const user_id = "user-test-e3795c81-f849-4167-bfda-e4a6e9c280fd";
  answered(await client.totps.authenticate({ user_id, totp_code: "000000" }));
  answered(await client.totps.recover({ user_id, recovery_code: "a1b2-c3d4-e5f6" }));
  await refused(client.totps.authenticate({ user_id, totp_code: "123456" }), 401, "unable_to_authenticate_totp");
});
