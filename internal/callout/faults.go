package callout

import (
	"errors"
	"fmt"
)

// Faults collects what is wrong with a configuration, so that an error names
// all of it.
type Faults struct {
	sentinel error
	all      []error
}

// NewFaults returns Faults of which each wraps sentinel.
func NewFaults(sentinel error) *Faults { return &Faults{sentinel: sentinel} }

// Unless adds a fault if ok is false. The text begins with the field's name.
func (f *Faults) Unless(ok bool, format string, args ...any) {
	if !ok {
		f.all = append(f.all, fmt.Errorf("%w: "+format, append([]any{f.sentinel}, args...)...))
	}
}

// URL adds what URLFault says of a field.
func (f *Faults) URL(field, raw string, plain bool) {
	fault := URLFault(raw, plain)
	f.Unless(fault == "", "%s %s", field, fault)
}

// Err returns the faults, one on a line, or nil if there are none.
func (f *Faults) Err() error { return errors.Join(f.all...) }
