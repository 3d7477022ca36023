package redisstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Check asks every master what Open and New ask: whether it is new enough, takes
// writes, and can neither evict nor forget, save for what the Config accepts. A
// failover or an operator may change that later, so a program may call Check from
// time to time.
//
// Its errors are [ErrVersion], [ErrReadOnly], [ErrEviction], [ErrVolatile],
// [ErrDenied] if the user may not ask, and [ErrUnreachable]. What the Config
// accepts goes to Config.Warn.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	masters, err := s.masters(ctx)
	if err != nil {
		return s.failure(ctx, "check", err)
	}
	for _, master := range masters {
		if err := s.judge(master); err != nil {
			return err
		}
	}
	return nil
}

// facts are what a server says of itself. What it does not say is empty.
type facts struct {
	addr     string // in a cluster
	version  string
	role     string
	policy   string // maxmemory-policy
	aof      string // "1" if it keeps an append-only file
	fsync    string // appendfsync
	pauses   string // no-appendfsync-on-rewrite
	replicas string // how many are attached
	cluster  string // "1" if it is a node of a cluster
	sentinel bool   // whether another may take its place at any time
}

// masters returns all servers that take writes: one, or those of the cluster.
func (s *Store) masters(ctx context.Context) ([]facts, error) {
	nodes := s.client.Nodes()
	if s.client.Mode() == rueidis.ClientModeCluster {
		return clusterMasters(ctx, nodes)
	}
	var all []facts
	for _, node := range nodes {
		one, err := ask(ctx, node)
		if err != nil {
			return nil, err
		}
		one.sentinel = s.client.Mode() == rueidis.ClientModeSentinel
		all = append(all, one)
	}
	return all, nil
}

// clusterMasters returns the nodes that have slots. Any other may be down.
func clusterMasters(ctx context.Context, nodes map[string]rueidis.Client) ([]facts, error) {
	var all []facts
	var owners map[string]bool // those that have not been asked yet
	var silent error
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		one, id, err := askNode(ctx, nodes[addr])
		if err == nil && owners == nil {
			owners, err = slotOwners(ctx, nodes[addr])
		}
		if err != nil {
			silent = cmp.Or(silent, err)
			continue
		}
		if owners[id] {
			delete(owners, id)
			one.addr = addr
			all = append(all, one)
		}
	}
	if len(owners) > 0 || owners == nil {
		return nil, cmp.Or(silent, error(&Error{Op: "check", Kind: ErrUnreachable, Detail: "a master of the cluster is missing"}))
	}
	return all, nil
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
		"redis_version":    &one.version,
		"role":             &one.role,
		"maxmemory_policy": &one.policy,
		"aof_enabled":      &one.aof,
		"connected_slaves": &one.replicas,
		"cluster_enabled":  &one.cluster,
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if field := fields[name]; field != nil {
			*field = value
		}
	}
	return one
}

// judge returns why a server is refused, and warns of what is accepted.
func (s *Store) judge(one facts) error {
	if !isNewEnough(one.version) {
		return one.problem(ErrVersion, "want Redis 6.2 or Valkey")
	}
	if one.role != "master" {
		return one.problem(ErrReadOnly, "")
	}
	if one.cluster == "1" && s.client.Mode() != rueidis.ClientModeCluster {
		return one.problem(ErrDenied, "it belongs to a cluster, and CLUSTER SLOTS was refused")
	}
	evicts, forgets := one.evicts(), one.forgets()
	if forgets == nil && !s.cfg.Fence {
		forgets = one.fallsBehind()
	}
	if evicts != nil && !s.cfg.UnsafeEviction {
		return evicts
	}
	if forgets != nil && !s.cfg.UnsafeVolatile {
		return forgets
	}
	if evicts != nil {
		s.cfg.Warn(evicts)
	}
	if forgets != nil {
		s.cfg.Warn(forgets)
	}
	return nil
}

func (one facts) problem(kind error, detail string) error {
	if one.addr != "" {
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
