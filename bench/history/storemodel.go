package history

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/passcode-go/passcode/store/storetest"
)

// A cell is what a store keeps at one key, as the model has it: a value and a
// counter. Each is checked by itself, so a history uses one of them.
type cell struct {
	value value
	sum   int64
}

// step says what becomes of a cell by a call, and what the store has to reply.
func (c cell) step(a ask) (cell, reply) {
	switch a.op {
	case storetest.Get:
		return c, reply{current: c.value}
	case storetest.CompareAndSwap:
		if c.value != a.old {
			return c, reply{current: c.value}
		}
		c.value = a.new
		return c, reply{swapped: true}
	case storetest.Add:
		c.sum += a.delta
		return c, reply{sum: c.sum}
	}
	panic("not an operation")
}

// storeLevel is histories of a store: a register with compare-and-swap and a
// counter for each key.
func storeLevel() level {
	return level{
		model:   spec[cell, ask, reply]{part: part, step: cell.step}.model(),
		about:   func(op porcupine.Operation) string { return part(op.Input.(ask), op.Output.(reply)) },
		outcome: func(op porcupine.Operation) string { return op.Output.(reply).outcome(op.Input.(ask)) },
	}
}

// part returns what a call is about: the value or the counter of a key. A Get
// that failed says nothing and changes nothing.
func part(a ask, r reply) string {
	switch {
	case a.op == storetest.Get && r.unknown:
		return ""
	case a.op == storetest.Add:
		return "counter " + a.key
	}
	return "value " + a.key
}

// storeOutcomes are what has to happen for a store to be tested.
func storeOutcomes() []string {
	return []string{"Get: value", "Get: empty", "Get: nothing", "Get: unknown",
		"CompareAndSwap: made", "CompareAndSwap: replaced", "CompareAndSwap: deleted", "CompareAndSwap: refused", "CompareAndSwap: unknown",
		"Add: sum", "Add: unknown"}
}

func (r reply) outcome(a ask) string {
	how := "refused"
	switch {
	case r.unknown:
		how = "unknown"
	case a.op == storetest.Add:
		how = "sum"
	case a.op == storetest.Get:
		how = "value"
		if r.current.bytes == "" {
			how = "empty"
		}
		if !r.current.present {
			how = "nothing"
		}
	case r.swapped && !a.new.present:
		how = "deleted"
	case r.swapped && a.old.present:
		how = "replaced"
	case r.swapped:
		how = "made"
	}
	return string(a.op) + ": " + how
}

func (a ask) String() string {
	switch a.op {
	case storetest.Get:
		return "Get"
	case storetest.CompareAndSwap:
		return fmt.Sprintf("swap %v for %v", a.old, a.new)
	case storetest.Add:
		return fmt.Sprintf("add %d", a.delta)
	}
	panic("not an operation")
}

func (r reply) describe(a ask) string {
	switch {
	case r.unknown:
		return "unknown"
	case a.op == storetest.Add:
		return fmt.Sprint(r.sum)
	case r.swapped && r.current.present:
		return fmt.Sprintf("swapped, and found %v", r.current)
	case r.swapped:
		return "swapped"
	}
	return fmt.Sprintf("found %v", r.current)
}

func (r reply) lost() bool { return r.unknown }
