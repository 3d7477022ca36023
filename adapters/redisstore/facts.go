package redisstore

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// facts are what a server says of itself. What it does not say is empty.
type facts struct {
	addr     string // of a replica, and in a cluster
	version  string
	role     string
	policy   string   // maxmemory-policy
	run      string   // run_id
	aof      string   // "1" if it keeps an append-only file, or will
	writes   string   // "1" while that file is written anew
	pending  string   // "1" if that is to begin
	base     string   // how long it was when that was done the last time, "0" if never since the start
	waits    bool     // whether there is no such file yet: see remember
	fsync    string   // appendfsync
	pauses   string   // no-appendfsync-on-rewrite
	replicas string   // how many are attached
	cluster  string   // "1" if it is a node of a cluster
	attached []string // where its replicas are
	priority string   // slave_priority: a replica with "0" never takes its master's place
	replica  bool     // whether it is asked as one that may take its master's place
	sentinel bool     // whether another may take its place at any time
}

// ask asks a server about itself.
func ask(ctx context.Context, node rueidis.Client) (facts, error) {
	text, err := node.Do(ctx, node.B().Info().Build()).ToString()
	if err != nil {
		return facts{}, err
	}
	one := parseInfo(text)
	// INFO has the rest, and is allowed where CONFIG is not.
	settings, err := node.Do(ctx, node.B().ConfigGet().Parameter("*appendfsync*").Build()).AsStrMap()
	if _, refused := rueidis.IsRedisErr(err); err != nil && !refused {
		return facts{}, err
	}
	one.fsync, one.pauses = settings["appendfsync"], settings["no-appendfsync-on-rewrite"]
	return one, nil
}

// askNode asks a node of a cluster, also for its id.
func askNode(ctx context.Context, node rueidis.Client) (one facts, id string, err error) {
	if one, err = ask(ctx, node); err != nil {
		return one, "", err
	}
	id, err = node.Do(ctx, node.B().ClusterMyid().Build()).ToString()
	return one, id, err
}

// slotOwners returns the ids of the masters that have slots, as a node sees it.
func slotOwners(ctx context.Context, node rueidis.Client) (map[string]bool, error) {
	ranges, err := node.Do(ctx, node.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	owners := make(map[string]bool)
	for _, r := range ranges {
		// First and last slot, then the nodes, the master first: host, port, id.
		parts, err := r.ToArray()
		if err != nil || len(parts) < 3 {
			return nil, errReply
		}
		master, err := parts[2].ToArray()
		if err != nil || len(master) < 3 {
			return nil, errReply
		}
		id, err := master[2].ToString()
		if err != nil {
			return nil, errReply
		}
		owners[id] = true
	}
	return owners, nil
}

// parseInfo reads the lines of INFO that matter.
func parseInfo(text string) (one facts) {
	fields := map[string]*string{
		"redis_version":           &one.version,
		"role":                    &one.role,
		"maxmemory_policy":        &one.policy,
		"run_id":                  &one.run,
		"aof_enabled":             &one.aof,
		"aof_base_size":           &one.base,
		"aof_rewrite_in_progress": &one.writes,
		"aof_rewrite_scheduled":   &one.pending,
		"connected_slaves":        &one.replicas,
		"cluster_enabled":         &one.cluster,
		"slave_priority":          &one.priority,
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if field := fields[name]; field != nil {
			*field = value
		}
		if addr := attachedAddr(name, value); addr != "" {
			one.attached = append(one.attached, addr)
		}
	}
	return one
}

// attachedAddr returns where a replica is by a line of INFO such as
// slave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=0, or "".
func attachedAddr(name, value string) string {
	if n, ok := strings.CutPrefix(name, "slave"); !ok || strings.Trim(n, "0123456789") != "" {
		return ""
	}
	var host, port string
	for part := range strings.SplitSeq(value, ",") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "ip":
			host = value
		case "port":
			port = value
		}
	}
	if host == "" || port == "" {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// rewrites reports whether the append-only file is written anew, or will be.
//
// A server that is told to keep one while it runs says aof_enabled:1 at once. But
// until that file is whole it appends to nothing that it would read after a
// crash: not at all before, and in the case that it once kept one, the old one.
// INFO does not tell this from any other time at which the file is written anew.
func (one facts) rewrites() bool { return one.writes == "1" || one.pending == "1" }

func (one facts) problem(kind error, detail string) error {
	switch {
	case one.replica:
		detail += ", at the replica " + one.addr
	case one.addr != "":
		detail = strings.TrimPrefix(detail+", at "+one.addr, ", ")
	}
	return &Error{Op: "check", Kind: kind, Detail: detail}
}

// evicts says why records may be dropped. With another policy than noeviction
// that begins as soon as somebody sets maxmemory, so it does not matter whether
// it is set now.
func (one facts) evicts() error {
	switch one.policy {
	case "noeviction":
		return nil
	case "":
		return one.problem(ErrEviction, "maxmemory-policy cannot be found out")
	}
	return one.problem(ErrEviction, "maxmemory-policy is not noeviction")
}

// forgets says why a restart may bring back a state of any age, or none.
func (one facts) forgets() error {
	switch {
	case one.aof == "":
		return one.problem(ErrVolatile, "whether appendonly is on cannot be found out")
	case one.aof != "1":
		return one.problem(ErrVolatile, "appendonly is off")
	case one.waits:
		return one.problem(ErrVolatile, "appendonly is on, but the file is still being written")
	case one.fsync == "":
		return one.problem(ErrVolatile, "appendfsync cannot be found out")
	case one.fsync != "always" && one.fsync != "everysec":
		return one.problem(ErrVolatile, "appendfsync is neither always nor everysec")
	case one.pauses != "no":
		return one.problem(ErrVolatile, "no-appendfsync-on-rewrite is not no")
	}
	return nil
}

// fallsBehind says why the last second may be lost.
func (one facts) fallsBehind() error {
	switch {
	case one.fsync == "everysec":
		return one.problem(ErrVolatile, "appendfsync is everysec, which needs Fence")
	case one.sentinel:
		return one.problem(ErrVolatile, "sentinels may put a replica in its place, which needs Fence")
	case one.replicas != "0":
		return one.problem(ErrVolatile, "a replica may take its place, which needs Fence")
	}
	return nil
}

// isNewEnough reports whether a version is 6.2 or later. Valkey answers as the
// Redis with which it is compatible.
func isNewEnough(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return errors.Join(err1, err2) == nil && (major > 6 || major == 6 && minor >= 2)
}
