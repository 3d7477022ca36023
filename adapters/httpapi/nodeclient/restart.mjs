// What a client finds of its sessions after the server was restarted, with a
// new signing key and then without the old one. Its argument says what has
// happened: "before", "rotated" or "removed". What it knows is kept in the
// file that STATE names.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import stytch from "stytch";
import { answered, client, code, login, projectID, refused } from "./support.mjs";

const kid = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url")).kid;
const listed = async () => {
  const { keys } = answered(await client.sessions.getJWKS({ project_id: projectID }));
  return keys.map((key) => key.kid);
};
const save = (state) => writeFileSync(process.env.STATE, JSON.stringify(state), { mode: 0o600 });
const load = () => JSON.parse(readFileSync(process.env.STATE, "utf8"));

const phases = {
  async before() {
    const auth = await login("+12025550150", { session_duration_minutes: 60, session_custom_claims: { plan: "gold" } });
    assert.deepEqual(await listed(), [kid(auth.session_jwt)]);
    const waiting = await client.otps.sms.loginOrCreate({ phone_number: "+12025550151" });
    save({
      session_token: auth.session_token,
      session_jwt: auth.session_jwt,
      used: { method_id: auth.method_id, code: code("+12025550150") },
      unused: { method_id: waiting.phone_id, code: code("+12025550151") },
    });
  },

  async rotated() {
    const state = load();
    const old = kid(state.session_jwt);
    const local = await client.sessions.authenticateJwtLocal({ session_jwt: state.session_jwt });
    const byOld = answered(await client.sessions.authenticate({ session_jwt: state.session_jwt }));
    assert.equal(byOld.session.session_id, local.session_id);
    const seen = answered(await client.sessions.authenticate({ session_token: state.session_token }));
    assert.deepEqual(seen.session.custom_claims, { plan: "gold" });
    assert.notEqual(kid(seen.session_jwt), old);
    assert.deepEqual(await listed(), [kid(seen.session_jwt), old]);
    await client.sessions.authenticateJwtLocal({ session_jwt: seen.session_jwt });

    await refused(client.otps.authenticate(state.used), 401, "unable_to_auth_otp_code");
    answered(await client.otps.authenticate(state.unused));
    await refused(client.otps.authenticate(state.unused), 401, "unable_to_auth_otp_code");
    save({ ...state, new_jwt: seen.session_jwt });
  },

  async removed() {
    const state = load();
    assert.deepEqual(await listed(), [kid(state.new_jwt)]);
    await assert.rejects(
      client.sessions.authenticateJwtLocal({ session_jwt: state.session_jwt }),
      (err) => err instanceof stytch.ClientError && err.code === "jwt_invalid",
    );
    await refused(client.sessions.authenticateJwt({ session_jwt: state.session_jwt }), 400, "unable_to_parse_session_jwt");
    await client.sessions.authenticateJwtLocal({ session_jwt: state.new_jwt });
    answered(await client.sessions.authenticate({ session_jwt: state.new_jwt }));
    answered(await client.sessions.authenticate({ session_token: state.session_token }));
    await refused(client.otps.authenticate(state.unused), 401, "unable_to_auth_otp_code");
  },
};

await phases[process.argv[2]]();
