package redisstore

// The scripts. Each has one key, runs as a whole and writes last, so that a
// command that the server refuses leaves everything as it was. Commands are
// called by pcall and their errors passed on as they are, because servers
// before 7.0 wrap what call raises.

// rewound stands before a stored value that carries a stamp, as it stands before
// one that is returned after the server went back in time: no ordinary value
// begins with it. It is the Lua literal of store.Rewound.
const rewound = `'\255rewound\0'`

// readPlain reads the value into v, false if there is none. Who finds a stamp
// has not set Fence and cannot tell whether it is still good.
const readPlain = `
local mark, stamp = ` + rewound + `, ''
local v = redis.pcall('GET', KEYS[1])
if type(v) == 'table' then return v end
if v and string.sub(v, 1, 9) == mark then v = mark .. string.sub(v, 26) end
`

// readFenced does so with Fence set. The stamp is the first 16 digits of the
// replication id. A server draws a new one whenever it starts as a master and
// whenever a replica becomes one, which are the moments at which it goes back in
// time. Its run_id is not enough: a master that loses its place and later gets it
// back without having been restarted has kept that.
const readFenced = `
local info = redis.pcall('INFO', 'replication')
if type(info) == 'table' then return info end
if not string.find(info, 'role:master', 1, true) then return redis.error_reply('READONLY not a master') end
local mark = ` + rewound + `
local id = string.match(info, 'master_replid:(%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x)')
if not id then return redis.error_reply('ERR no replication id') end
local stamp = mark .. id
local v = redis.pcall('GET', KEYS[1])
if type(v) == 'table' then return v end
if v then
  if string.sub(v, 1, 25) == stamp then v = string.sub(v, 26)
  elseif string.sub(v, 1, 9) == mark then v = mark .. string.sub(v, 26)
  else v = mark .. v end
end
`

// stampLen is how much of a stored value is mark and stamp.
const stampLen = 25

// get returns the value.
const get = `return v`

// swap takes what to do, the new value's life in milliseconds, the new value and
// the old one. It returns 1 if it swapped and else the value that it found.
const swap = `
local new = ARGV[1] == 'create' or ARGV[1] == 'replace'
local old = (ARGV[1] == 'replace' or ARGV[1] == 'delete') and ARGV[4]
if v ~= old then return v end
local done = 1
if new then done = redis.pcall('SET', KEYS[1], stamp .. ARGV[3], 'PX', ARGV[2])
elseif old then done = redis.pcall('DEL', KEYS[1]) end
if type(done) == 'table' and done.err then return done end
return 1
`

// add takes what to add and the sum's life in milliseconds. INCRBY refuses to
// overflow, so there the way round is gone in steps that do not; and a script
// knows numbers to 53 bits only, so sums of more are returned as text.
const add = `
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' then
  if string.find(sum.err, 'not an integer', 1, true) then return redis.error_reply('WRONGTYPE not a counter') end
  if not string.find(sum.err, 'overflow', 1, true) then return sum end
  local steps = {'-9223372036854775808', ARGV[1], '-9223372036854775808'}
  if string.sub(ARGV[1], 1, 1) == '-' then
    steps = {'9223372036854775807', '1', ARGV[1], '9223372036854775807', '1'}
  end
  for _, step in ipairs(steps) do sum = redis.call('INCRBY', KEYS[1], step) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if sum > -9007199254740992 and sum < 9007199254740992 then return sum end
return redis.call('GET', KEYS[1])
`
