// What the tests share: the client, the codes that passcoded "sent", a plain
// HTTP request for what the client has no call for, and an authenticator app.
//
// They need a passcoded with -insecure-outbox, and in the environment its URL,
// project id, secret and outbox: BASE_URL, PROJECT_ID, SECRET, OUTBOX.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import stytch from "stytch";

const need = (name) => {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
};

export const baseURL = need("BASE_URL");
export const projectID = need("PROJECT_ID");
const secret = need("SECRET");
const outbox = need("OUTBOX");

// The client is made as its users make it, with another address. It warns of
// that, which is not news here.
export const newClient = (change = {}) => {
  const warn = console.warn;
  console.warn = () => {};
  try {
    return new stytch.Client({ project_id: projectID, secret, env: `${baseURL}/`, ...change });
  } finally {
    console.warn = warn;
  }
};

export const client = newClient();

// letters returns the messages to an address, the newest last.
export const letters = (to) =>
  readFileSync(outbox, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((letter) => letter.to === to);

// code returns the newest code that was sent to an address.
export const code = (to) => {
  const letter = letters(to).at(-1);
  assert.ok(letter, "no message was sent");
  return letter.code;
};

// wrong returns a code that is not this one.
export const wrong = (right) => right.slice(0, -1) + String((Number(right.at(-1)) + 1) % 10);

// plain sends a request as the overview's curl commands do.
export const plain = async (method, path, body) => {
  const response = await fetch(baseURL + path, {
    method,
    headers: {
      "Content-Type": "application/json",
      Authorization: "Basic " + Buffer.from(`${projectID}:${secret}`).toString("base64"),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};

// refused wants the server to refuse with this status and type, and the error
// to have what the client's users look at.
export const refused = async (call, status, type) => {
  await assert.rejects(call, (err) => {
    assert.ok(err instanceof stytch.StytchError, `not the API's error: ${err}`);
    assert.equal(err.error_type, type, err.message);
    assert.equal(err.status_code, status);
    assert.match(err.request_id, /^request-id-test-[0-9a-f-]{36}$/);
    assert.ok(err.error_message.length > 0);
    assert.equal(err.error_url, `https://stytch.com/docs/api/errors/${status}#${type}`);
    return true;
  });
};

// answered wants an answer as every answer is.
export const answered = (answer, status = 200) => {
  assert.equal(answer.status_code, status);
  assert.match(answer.request_id, /^request-id-test-[0-9a-f-]{36}$/);
  return answer;
};

// login signs somebody up or in by SMS, with more fields of the request if
// need be.
export const login = async (phone, more = {}) => {
  const sent = answered(await client.otps.sms.loginOrCreate({ phone_number: phone }));
  return answered(await client.otps.authenticate({ method_id: sent.phone_id, code: code(phone), ...more }));
};

// totp computes the code of an authenticator app for the step of 30 seconds
// that is so many after the present one (RFC 6238).
export const totp = (base32, steps = 0) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...base32].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const mac = createHmac("sha1", key).update(counter).digest();
  const at = mac[mac.length - 1] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0");
};

// Ids and times as the API writes them.
const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
export const id = (kind) => new RegExp(`^${kind}-test-${uuid}$`);
export const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
