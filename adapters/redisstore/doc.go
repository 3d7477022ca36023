// Package redisstore keeps a [store.Store] on Redis 6.2 or later, or on Valkey:
// on one server, on a master that sentinels watch, or on a cluster. It is the
// store of a program that runs in several processes.
//
//	s, err := redisstore.Open(ctx, "redis://:password@redis.example:6379/0", redisstore.Config{})
//	...
//	defer s.Close()
//	eng, err := engine.New(engine.Config{Store: s, ...})
//
// It keeps no users: a [store.Directory] stands beside it, in Postgres or in a
// file. There is no Sweep, because the server drops what has expired.
//
// # URLs
//
//	redis://[user[:password]@]host[:port][/db]     one server
//	rediss://...                                   over TLS
//	unix://[user[:password]@]/path/to/socket?db=N  over a socket
//	redis://host:port?addr=host:port&addr=...      a cluster, by some of its nodes
//	redis://user:password@host:port/db?addr=host:port&addr=...&master_set=NAME&sentinel_username=U&sentinel_password=P
//	                                               the master called NAME, by its sentinels
//
// A cluster is recognized by one address, too. valkey:// and valkeys:// are
// redis:// and rediss://. Characters of a password that mean something in a URL
// are percent-encoded. More parameters: db, client_name, skip_verify (certificates
// are believed), protocol=2, and dial_timeout and write_timeout in place of
// Config's DialTimeout and Timeout. client_cache=0 and max_retries=0 say what is so
// anyway; a URL that asks for another is refused.
//
// # What the server must promise
//
// That wrong guesses are counted and that a code is used once depends on the
// server keeping what it has confirmed. Redis as it is installed does not: after
// a crash it goes back to its last snapshot, in which a code that was used is
// live again. Open, New and Check look at every master, and refuse it, or accept
// it by a field of Config that says what that means:
//
//	maxmemory-policy noeviction           any other: UnsafeEviction
//	appendonly yes, appendfsync always    nothing is lost
//	appendonly yes, appendfsync everysec  the last second or two: Fence, or UnsafeVolatile
//	sentinels, or a replica attached      what it had not got yet at a failover: Fence, or UnsafeVolatile
//	no-appendfsync-on-rewrite yes, any
//	other, or not to be found out         up to everything: UnsafeVolatile, and better with Fence
//
// Where sentinels watch, and in a cluster, a replica that takes its master's place
// brings its own settings. So those that can be reached are looked at too, and one
// that evicts or keeps no append-only file is refused as its master would be: with
// its address in the error, and also while the program runs. One that is down, or
// that does not let the user in, is no reason for anything; nor is one that the
// sentinels never promote (replica-priority 0). New sees no replicas of sentinels,
// and nobody those of a server without sentinels.
//
// With Fence the codes and sessions of before a restart or a failover are void
// after it. So no code is used twice, and who was signed out stays that, whatever
// the server has forgotten; the price is that everybody signs in again. What Fence
// cannot bring back is what was counted or crossed out in the time that was lost:
// as many guesses as were made in it, and recovery codes of authenticator apps.
//
// A server that is told to keep an append-only file while it runs says so at once,
// and has none before it has written all that it holds. It is refused until then;
// Open and New wait for Config.Timeout. What they cannot know is that a server
// which writes that file anew, as all do from time to time, has an old one only
// because it was told to keep none for a while: look at a server yourself after
// such a change, or have Check do it.
//
// Redis reads these settings when it starts and lets them be changed while it
// runs, so a program calls Check regularly. Once it has answered [ErrEviction] or
// [ErrVolatile] so does every call, until a Check finds the server put right.
//
// # Failures
//
// A write is sent once. If the connection breaks before the answer is there, the
// call fails with [ErrUnreachable] and nobody knows whether it was done; the
// engine refuses then. The one thing that is sent again is what the server has
// said that it did not do: a script that it does not know yet (NOSCRIPT), and, in
// a cluster, a command to a node that has not, or no longer, the key (MOVED, ASK).
// While there is no server every call fails at once, and the first one after it is
// back connects.
//
// Errors name their cause ([Error]) and hold no credentials, keys or values. A
// call honours its context, with two exceptions that Config bounds: while a
// connection is being made all calls wait for it (DialTimeout), and so do those
// that find more than 1024 others without an answer (Timeout).
//
// # Permissions
//
// The user needs on the keys of Config.Prefix: get, set, del, incrby, pexpire,
// evalsha, eval; and info, which the scripts of Fence call, too. config|get tells
// appendfsync; without it that cannot be found out. A cluster needs cluster|slots,
// cluster|shards and cluster|myid.
//
// # Expiry
//
// The server counts the life of a record from when it gets it, so its clock need
// not be right. It keeps it for Config.Skew longer, for programs whose clocks
// differ.
package redisstore
