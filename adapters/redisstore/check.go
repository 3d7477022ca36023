package redisstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

// Check asks every master what Open and New ask: whether it is new enough, takes
// writes, and can neither evict nor forget, save for what the Config accepts; and
// likewise every replica that may take its place, if it can be reached. A
// failover or an operator may change that later, so a program calls Check from
// time to time, every ten seconds say: it is two short commands for each server.
//
// Its errors are [ErrVersion], [ErrReadOnly], [ErrEviction], [ErrVolatile],
// [ErrDenied] if the user may not ask, and [ErrUnreachable]. What the Config
// accepts goes to Config.Warn.
//
// ErrEviction and ErrVolatile stay: every call answers them from then on, and
// nothing is read or written, until a Check finds that the servers are as they
// should be. An error that says nothing of that, ErrUnreachable say, changes
// nothing either way.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.check(ctx)
	return err
}

// checkFirst is the Check of a new Store. It gives a server that has just been
// told to keep an append-only file the time to write it.
func (s *Store) checkFirst(ctx context.Context) error {
	late := time.NewTimer(s.cfg.Timeout)
	defer late.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		soon, err := s.check(ctx)
		if err == nil || !soon {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return err
		case <-again.C:
		}
	}
}

// check is Check, and says of an error whether it may pass by itself soon.
func (s *Store) check(ctx context.Context) (soon bool, err error) {
	if err := s.usable(ctx); err != nil {
		return false, err
	}
	masters, replicas, err := s.servers(ctx)
	if err != nil {
		return false, s.failure(ctx, "check", err)
	}
	s.remember(masters)
	for _, one := range slices.Concat(masters, replicas) {
		if err = s.judge(one); err != nil {
			soon = one.waits
			break
		}
	}
	refusal, _ := errors.AsType[*Error](err)
	if err == nil || refusal.Kind == ErrEviction || refusal.Kind == ErrVolatile {
		s.refusal.Store(refusal)
	}
	return soon, err
}

// remember sets what the masters of now tell only together with what they told
// before: whether one waits for its first append-only file.
func (s *Store) remember(masters []facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make(map[string]bool)
	for i := range masters {
		one := &masters[i]
		before, known := s.kept[one.run]
		switch {
		case one.aof != "1":
			kept[one.run] = false
		case !one.rewrites():
			kept[one.run] = true
		case known:
			one.waits = !before
			kept[one.run] = before
		default:
			one.waits = one.base == "0"
		}
	}
	s.kept = kept
}

// servers returns all servers that take writes, one or those of the cluster, and
// the replicas that may take their place and can be asked.
func (s *Store) servers(ctx context.Context) (masters, replicas []facts, err error) {
	nodes := s.client.Nodes()
	if s.client.Mode() == rueidis.ClientModeCluster {
		return clusterServers(ctx, nodes)
	}
	for _, node := range nodes {
		master, err := ask(ctx, node)
		if err != nil {
			return nil, nil, err
		}
		master.sentinel = s.client.Mode() == rueidis.ClientModeSentinel
		masters = append(masters, master)
		if master.sentinel && s.owned {
			replicas = append(replicas, s.askReplicas(ctx, master.attached)...)
		}
	}
	return masters, replicas, ctx.Err()
}

// askReplicas asks those replicas of a master that sentinels may put in its place.
// The client has no connections to them.
func (s *Store) askReplicas(ctx context.Context, addrs []string) (replicas []facts) {
	opt := s.option
	opt.Sentinel.MasterSet, opt.ForceSingleClient = "", true
	for _, addr := range addrs {
		opt.InitAddress = []string{addr}
		client, over, err := connect(ctx, opt)
		if err != nil {
			continue // it is down, or not to be reached, in which case it will not be then
		}
		one, err := ask(ctx, client)
		over()
		client.Close()
		if err == nil && one.role == "slave" && one.priority != "0" {
			one.addr = addr
			one.replica = true
			replicas = append(replicas, one)
		}
	}
	return replicas
}

// clusterServers returns the nodes that have slots, and the replicas. Any node
// without slots may be down.
func clusterServers(ctx context.Context, nodes map[string]rueidis.Client) (masters, replicas []facts, err error) {
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
		one.addr = addr
		switch {
		case owners[id]:
			delete(owners, id)
			masters = append(masters, one)
		case one.role == "slave":
			one.replica = true
			replicas = append(replicas, one)
		}
	}
	if len(owners) > 0 || owners == nil {
		return nil, nil, cmp.Or(silent, error(&Error{Op: "check", Kind: ErrUnreachable, Detail: "a master of the cluster is missing"}))
	}
	return masters, replicas, nil
}

// judge returns why a server is refused, and warns of what is accepted.
func (s *Store) judge(one facts) error {
	if !isNewEnough(one.version) {
		return one.problem(ErrVersion, "want Redis 6.2 or Valkey")
	}
	if one.role != "master" && !one.replica {
		return one.problem(ErrReadOnly, "")
	}
	if one.cluster == "1" && s.client.Mode() != rueidis.ClientModeCluster {
		return one.problem(ErrDenied, "it belongs to a cluster, and CLUSTER SLOTS was refused")
	}
	evicts, forgets := one.evicts(), one.forgets()
	if forgets == nil && !s.cfg.Fence && !one.replica {
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
