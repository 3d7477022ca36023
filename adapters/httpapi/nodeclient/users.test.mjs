import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, client, code, id, login, plain, refused, time } from "./support.mjs";

test("create and get", async () => {
  const made = answered(
    await client.users.create({
      email: "created@example.com",
      phone_number: "+12025550120",
      name: { first_name: "Ada", middle_name: "", last_name: "Lovelace" },
      attributes: { ip_address: "203.0.113.7" },
      create_user_as_pending: true,
      trusted_metadata: { plan: "gold", limits: { a: 1 } },
      untrusted_metadata: { theme: "dark" },
      external_id: "ada|1815",
      roles: ["analyst"],
    }),
    201,
  );
  assert.match(made.user_id, id("user"));
  assert.match(made.email_id, id("email"));
  assert.match(made.phone_id, id("phone-number"));
  assert.equal(made.status, "pending");

  const { status_code, request_id, ...user } = answered(await client.users.get({ user_id: made.user_id }));
  assert.deepEqual(user, made.user);
  assert.match(user.created_at, time);
  const { created_at, ...rest } = user;
  const want = {
    user_id: made.user_id,
    status: "pending",
    emails: [{ email_id: made.email_id, email: "created@example.com", verified: false }],
    phone_numbers: [{ phone_id: made.phone_id, phone_number: "+12025550120", verified: false }],
    totps: [],
    webauthn_registrations: [],
    providers: [],
    crypto_wallets: [],
    biometric_registrations: [],
    is_locked: false,
    roles: ["analyst"],
    name: { first_name: "Ada", middle_name: "", last_name: "Lovelace" },
    trusted_metadata: { plan: "gold", limits: { a: 1 } },
    untrusted_metadata: { theme: "dark" },
    external_id: "ada|1815",
  };
  for (const [key, value] of Object.entries(want)) {
    assert.deepEqual(rest[key], value, key);
  }

  const byExternal = answered(await client.users.get({ user_id: "ada|1815" }));
  assert.equal(byExternal.user_id, made.user_id);

  await refused(client.users.create({ email: "CREATED@example.com" }), 400, "duplicate_email");
  await refused(client.users.create({ phone_number: "+12025550120" }), 400, "duplicate_phone_number");
  await refused(
    client.users.create({ email: "other@example.com", external_id: "ada|1815" }),
    400,
    "duplicate_user_external_id",
  );
  await refused(client.users.create({ name: { first_name: "Nobody" } }), 400, "invalid_create_user_request");
  await refused(client.users.get({ user_id: "user-test-00000000-0000-4000-8000-000000000000" }), 404, "user_not_found");
  await refused(client.users.get({ user_id: "a b" }), 400, "invalid_user_id");
});

test("update", async () => {
  const { user_id } = await client.users.create({
    email: "update@example.com",
    name: { first_name: "Grace" },
    trusted_metadata: { a: 1, b: { c: 2, d: 3 } },
  });
  const changed = answered(
    await client.users.update({
      user_id,
      name: { last_name: "Hopper" },
      trusted_metadata: { a: null, b: { c: 4 }, e: 5 },
      untrusted_metadata: { f: 6 },
      external_id: "grace",
      roles: ["admiral"],
    }),
  );
  assert.equal(changed.user_id, user_id);
  assert.deepEqual(changed.user.name, { first_name: "Grace", middle_name: "", last_name: "Hopper" });
  assert.deepEqual(changed.user.trusted_metadata, { b: { c: 4 }, e: 5 });
  assert.deepEqual(changed.user.untrusted_metadata, { f: 6 });
  assert.deepEqual(changed.user.roles, ["admiral"]);
  assert.equal(changed.user.external_id, "grace");
  assert.deepEqual(changed.emails, changed.user.emails);
  assert.deepEqual([changed.phone_numbers, changed.crypto_wallets], [[], []]);

  const untouched = answered(await client.users.update({ user_id: "grace" }));
  assert.deepEqual(untouched.user, changed.user);

  const taken = await client.users.create({ email: "taken@example.com" });
  await refused(client.users.update({ user_id: taken.user_id, external_id: "grace" }), 400, "duplicate_user_external_id");

  const freed = answered(await client.users.deleteExternalId({ user_id }));
  assert.equal(freed.user_id, user_id);
  assert.ok(!freed.user.external_id);
  await refused(client.users.get({ user_id: "grace" }), 404, "user_not_found");
});

test("update cannot take over an address", async () => {
  const owner = await login("+12025550121");
  const other = await login("+12025550128");
  const { status, body } = await plain("PUT", `/v1/users/${other.user_id}`, {
    phone_numbers: [{ phone_number: "+12025550121" }],
  });
  assert.deepEqual([status, body.error_type], [400, "duplicate_phone_number"]);
  assert.equal((await client.users.get({ user_id: owner.user_id })).phone_numbers.length, 1);
});

test("exchange the primary factor", async () => {
  const { user_id, user } = await login("+12025550122");
  const exchanged = answered(await client.users.exchangePrimaryFactor({ user_id, email_address: "exchanged@example.com" }));
  assert.equal(exchanged.user_id, user_id);
  assert.deepEqual(exchanged.user.phone_numbers, []);
  assert.equal(exchanged.user.emails[0].email, "exchanged@example.com");
  assert.notEqual(exchanged.user.emails[0].email_id, user.phone_numbers[0].phone_id);

  const back = answered(await client.users.exchangePrimaryFactor({ user_id, phone_number: "+12025550123" }));
  assert.deepEqual([back.user.emails, back.user.phone_numbers[0].phone_number], [[], "+12025550123"]);
  await refused(
    client.users.exchangePrimaryFactor({ user_id, email_address: "x@example.com", phone_number: "+12025550124" }),
    400,
    "invalid_exchange_primary_factor_fields",
  );
  await refused(client.users.exchangePrimaryFactor({ user_id }), 400, "invalid_exchange_primary_factor_fields");

  const two = await client.users.create({ email: "two@example.com", phone_number: "+12025550125" });
  await refused(
    client.users.exchangePrimaryFactor({ user_id: two.user_id, email_address: "three@example.com" }),
    400,
    "invalid_exchange_primary_factor_user",
  );
});

test("delete methods", async () => {
  const made = await client.users.create({ email: "methods@example.com", phone_number: "+12025550126" });
  const noEmail = answered(await client.users.deleteEmail({ email_id: made.email_id }));
  assert.equal(noEmail.user_id, made.user_id);
  assert.deepEqual(noEmail.user.emails, []);
  assert.equal(noEmail.user.phone_numbers.length, 1);
  const noPhone = answered(await client.users.deletePhoneNumber({ phone_id: made.phone_id }));
  assert.deepEqual(noPhone.user.phone_numbers, []);
  await refused(client.users.deletePhoneNumber({ phone_id: made.phone_id }), 404, "phone_number_not_found");
  await refused(client.users.deleteEmail({ email_id: made.email_id }), 404, "email_not_found");
  answered(await client.users.create({ email: "methods@example.com" }), 201); // it is free
});

test("delete a user", async () => {
  const phone = "+12025550127";
  const { user_id, session_token } = await login(phone, { session_duration_minutes: 60 });
  const sent = await client.otps.sms.loginOrCreate({ phone_number: phone });
  const deleted = answered(await client.users.delete({ user_id }));
  assert.equal(deleted.user_id, user_id);
  await refused(client.users.get({ user_id }), 404, "user_not_found");
  await refused(client.users.delete({ user_id }), 404, "user_not_found");
  await refused(client.sessions.authenticate({ session_token }), 404, "session_not_found");
  await refused(client.otps.authenticate({ method_id: sent.phone_id, code: code(phone) }), 404, "otp_code_not_found");
  const again = await client.otps.sms.loginOrCreate({ phone_number: phone });
  assert.equal(again.user_created, true);
  assert.notEqual(again.user_id, user_id);
});

test("search", async () => {
  const made = [];
  for (let i = 0; i < 5; i++) {
    made.push(
      await client.users.create({
        email: `search${i}@crowd.example`,
        name: { first_name: "Crowd", last_name: `Member${i}` },
        create_user_as_pending: i === 0,
      }),
    );
  }
  const ids = made.map((m) => m.user_id).sort();
  const search = async (operands, more = {}) => {
    const found = answered(await client.users.search({ query: { operator: "AND", operands }, ...more }));
    assert.equal(typeof found.results_metadata.total, "number");
    return found;
  };
  const crowd = { filter_name: "full_name_fuzzy", filter_value: "crowd mem" };
  const all = await search([crowd]);
  assert.deepEqual(all.results.map((u) => u.user_id).sort(), ids);
  assert.equal(all.results_metadata.total, 5);
  assert.equal(all.results_metadata.next_cursor, null);
  const one = all.results.find((u) => u.user_id === made[1].user_id);
  assert.deepEqual(one, made[1].user);

  for (const [operand, want] of [
    [{ filter_name: "user_id", filter_value: [made[1].user_id, made[2].user_id] }, [1, 2]],
    [{ filter_name: "email_address", filter_value: ["search3@crowd.example"] }, [3]],
    [{ filter_name: "email_address_fuzzy", filter_value: "search4" }, [4]],
    [{ filter_name: "email_id", filter_value: [made[2].email_id] }, [2]],
    [{ filter_name: "email_verified", filter_value: false }, [0, 1, 2, 3, 4]],
    [{ filter_name: "email_verified", filter_value: true }, []],
    [{ filter_name: "phone_number", filter_value: ["+12025550199"] }, []],
    [{ filter_name: "status", filter_value: "pending" }, [0]],
    [{ filter_name: "created_at_greater_than", filter_value: "2021-01-01T00:00:00Z" }, [0, 1, 2, 3, 4]],
    [
      {
        filter_name: "created_at_between",
        filter_value: { greater_than: "2021-01-01T00:00:00Z", less_than: "2021-01-02T00:00:00Z" },
      },
      [],
    ],
    [{ filter_name: "totp_verified", filter_value: true }, []],
    [{ filter_name: "oauth_provider", filter_value: ["google"] }, []],
  ]) {
    const found = await search([crowd, operand]);
    const wanted = want.map((i) => made[i].user_id).sort();
    assert.deepEqual(found.results.map((u) => u.user_id).sort(), wanted, operand.filter_name);
  }
  const either = answered(
    await client.users.search({
      query: {
        operator: "OR",
        operands: [
          { filter_name: "email_address", filter_value: ["search0@crowd.example"] },
          { filter_name: "user_id", filter_value: [made[4].user_id] },
        ],
      },
    }),
  );
  assert.deepEqual(either.results.map((u) => u.user_id).sort(), [made[0].user_id, made[4].user_id].sort());

  // Page by page, by hand and by the client's iterator.
  const first = await search([crowd], { limit: 2 });
  assert.equal(first.results.length, 2);
  assert.ok(first.results_metadata.next_cursor);
  const pages = [];
  for await (const page of client.users.searchAll({ limit: 2, query: { operator: "AND", operands: [crowd] } })) {
    pages.push(page);
  }
  assert.deepEqual(pages.map((p) => p.length), [2, 2, 1]);
  assert.deepEqual(pages.flat().map((u) => u.user_id).sort(), ids);

  // No query is everybody.
  const everybody = [];
  for await (const page of client.users.searchAll({})) {
    everybody.push(...page.map((u) => u.user_id));
  }
  assert.equal(new Set(everybody).size, everybody.length);
  assert.ok(ids.every((user) => everybody.includes(user)));

  await refused(client.users.search({ limit: 1001 }), 400, "user_search_invalid_limit");
  await refused(client.users.search({ cursor: "mine" }), 400, "user_search_invalid_cursor");
  await refused(search([{ filter_name: "shoe_size", filter_value: 43 }]), 400, "user_search_filter_name_not_recognized");
  await refused(search([{ filter_name: "email_verified", filter_value: "yes" }]), 400, "user_search_expected_bool");
});
