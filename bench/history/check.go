package history

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// A level is a kind of history and what has to hold of it.
type level struct {
	model      porcupine.Model                      // partitions by key
	about      func(porcupine.Operation) string     // the key or address of a call
	outcome    func(porcupine.Operation) string     // a call by how it ended, for Report.Outcomes
	invariants func([]porcupine.Operation) []string // what is broken without asking a model; may be nil
}

// calm reports whether nothing is in the way of the calls of a history, so that
// none of them may fail.
func calm(seed uint64) bool { return seed%2 == 0 }

// examine checks a history, and counts its calls. Its error is a *Failure.
func (l level) examine(seed uint64, history []porcupine.Operation, limit time.Duration) (Report, error) {
	r := Report{Histories: 1, Calls: len(history), Outcomes: make(map[string]int)}
	f := &Failure{Seed: seed}
	for _, op := range history {
		r.Outcomes[l.outcome(op)]++
		if op.Output.(interface{ lost() bool }).lost() {
			r.Unknown++
			if calm(seed) {
				f.Wrong = append(f.Wrong, fmt.Sprintf("%v failed, though nothing was in its way: %v", op.Input, op.Metadata))
			}
		}
	}
	r.Raced = l.raced(history)
	if l.invariants != nil {
		broken := l.invariants(history)
		f.broken = len(broken) > 0
		f.Wrong = append(f.Wrong, broken...)
	}
	switch porcupine.CheckOperationsTimeout(l.model, history, limit) {
	case porcupine.Illegal:
		f.order = true
		f.Wrong = append(f.Wrong, "no order of the calls explains the replies")
	case porcupine.Unknown:
		f.Wrong = append(f.Wrong, fmt.Sprintf("not checked within %v", limit))
	}
	if len(f.Wrong) == 0 {
		return r, nil
	}
	var err error
	if f.Page, err = l.draw(seed, history, limit); err != nil {
		f.Page = err.Error()
	}
	return r, f
}

// raced counts the calls that began while another about the same was under way.
func (l level) raced(history []porcupine.Operation) (n int) {
	busy := make(map[string]int64)
	for _, op := range slices.SortedFunc(slices.Values(history), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) }) {
		about := l.about(op)
		if op.Call < busy[about] {
			n++
		}
		busy[about] = max(busy[about], op.Return)
	}
	return n
}

// draw makes a page of a history that outlives the test.
func (l level) draw(seed uint64, history []porcupine.Operation, limit time.Duration) (page string, err error) {
	file, err := os.CreateTemp("", fmt.Sprintf("passcode-history-%d-*.html", seed))
	if err != nil {
		return "", err
	}
	defer file.Close()
	_, info := porcupine.CheckOperationsVerbose(l.model, history, limit)
	return file.Name(), porcupine.Visualize(l.model, info, file)
}
