package history

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/anishathalye/porcupine"
)

// An output says how a call that asked for I ended.
type output[I any] interface {
	comparable
	lost() bool // in an error: the call is unknown
	describe(input I) string
}

// A spec is a sequential specification: what a call makes of a state, of which
// the zero S is the first, and what is answered.
type spec[S comparable, I fmt.Stringer, O output[I]] struct {
	part func(I, O) string // names what a call is about; "" if its outcome says nothing
	step func(S, I) (S, O)

	// before, which may be nil, reports whether a call that was answered like
	// this cannot have happened after a change from one state to another. It
	// saves the checker from finding out much later.
	before func(from, to S, input I, answer O) bool
}

// A searched is a state of the checker's search: that of the specification,
// and which calls led to it.
type searched[S comparable] struct {
	state S
	done  bits
	ended bool
}

// A placed is a call in its part of a history, which is in the order of the
// calls. One without output is the end.
type placed[I any, O output[I]] struct {
	input     I
	output    O
	end       bool
	index     int
	call, ret int64
	part      []*placed[I, O]
}

// bits are a set of the calls of a part, of which there are at most 200 and the
// end.
type bits [4]uint64

func (b bits) has(i int) bool  { return b[i/64]>>(i%64)&1 == 1 }
func (b bits) with(i int) bits { b[i/64] |= 1 << (i % 64); return b }

// model makes the specification a model that porcupine checks.
//
// An unknown call may happen at any time after it began, or never. Its return
// is put after all others, and between these a call that is the end of the
// history: one that never happened is one that happens after the end, where it
// may do anything. Before the end it has to change something, else it might as
// well be after it.
//
// What takes the checker long is to try in which order calls could have
// happened that change nothing. There is no need: if one that is under way
// explains its answer by the state that is, it may as well happen now, before
// anything changes. So the model takes no other call then.
func (s spec[S, I, O]) model() porcupine.Model {
	seed := maphash.MakeSeed()
	return porcupine.Model{
		Partition: s.partition,
		Init:      func() any { return searched[S]{} },
		Step: func(state, in, _ any) (bool, any) {
			now, call := state.(searched[S]), in.(*placed[I, O])
			if idle := s.idle(now, call.part); idle >= 0 && idle != call.index {
				return false, now
			}
			ok, next := s.take(now, call)
			return ok && !s.late(now, next, call.part), next
		},
		Hash: func(state any) uint64 { return maphash.Comparable(seed, state) },
		DescribeOperation: func(in, _ any) string {
			call := in.(*placed[I, O])
			if call.end {
				return "end"
			}
			return fmt.Sprintf("%v: %s", call.input, call.output.describe(call.input))
		},
		DescribeState: func(state any) string { return fmt.Sprintf("%+v", state.(searched[S]).state) },
	}
}

// take lets a call happen, if it could have ended as it did.
func (s spec[S, I, O]) take(now searched[S], call *placed[I, O]) (bool, searched[S]) {
	next := searched[S]{now.state, now.done.with(call.index), now.ended || call.end}
	if call.end {
		return true, next
	}
	var answer O
	next.state, answer = s.step(now.state, call.input)
	if call.output.lost() {
		return now.ended || next.state != now.state, next
	}
	return answer == call.output, next
}

// idle returns the first of the calls that could happen now and change nothing,
// -1 if there is none.
func (s spec[S, I, O]) idle(now searched[S], part []*placed[I, O]) int {
	// What began after another returned has to wait for that.
	first := int64(1<<63 - 1)
	for _, call := range part {
		if call.call > first {
			break
		}
		if !now.done.has(call.index) {
			first = min(first, call.ret)
		}
	}
	for _, call := range part {
		if call.call > first {
			break
		}
		if call.end || now.done.has(call.index) {
			continue
		}
		if ok, next := s.take(now, call); ok && next.state == now.state {
			return call.index
		}
	}
	return -1
}

// late reports whether one of the calls that are to come had to come before a
// change.
func (s spec[S, I, O]) late(now, next searched[S], part []*placed[I, O]) bool {
	if s.before == nil || now.ended || now.state == next.state {
		return false
	}
	return slices.ContainsFunc(part, func(call *placed[I, O]) bool {
		return !call.end && !call.output.lost() && !next.done.has(call.index) && s.before(now.state, next.state, call.input, call.output)
	})
}

// partition splits a history into parts.
func (s spec[S, I, O]) partition(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	byName := make(map[string][]porcupine.Operation)
	for _, op := range history {
		if name := s.part(op.Input.(I), op.Output.(O)); name != "" {
			byName[name] = append(byName[name], op)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		parts = append(parts, place[I, O](byName[name]))
	}
	return parts
}

// place puts the calls of a part in order, moves the return of the unknown ones,
// and adds the end.
func place[I any, O output[I]](part []porcupine.Operation) []porcupine.Operation {
	slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var last int64
	for _, op := range part {
		last = max(last, op.Return)
	}
	part = append(part, porcupine.Operation{Call: last + 1, Return: last + 2})
	calls := make([]*placed[I, O], len(part))
	for i := range part {
		op := &part[i]
		call := &placed[I, O]{end: op.Input == nil, index: i, part: calls}
		if !call.end {
			call.input, call.output = op.Input.(I), op.Output.(O)
			if call.output.lost() {
				op.Return = last + 3 + int64(i)
			}
		}
		call.call, call.ret = op.Call, op.Return
		op.Input = call
		calls[i] = call
	}
	return part
}
