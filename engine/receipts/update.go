package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// maxRaces is how often one call tries to store its change. The news of one
// message are few.
const maxRaces = 32

var errContended = errors.New("receipts: record changed too often")

// update loads what is at a key into value, has change change it, and stores
// the result. change may run more than once. It returns false if nothing is to
// be stored.
func update[V any](ctx context.Context, r *Receipts, key string, change func(value *V) bool) error {
	old, err := r.store.Get(ctx, key)
	if err != nil {
		return err
	}
	for range maxRaces {
		var value V
		if _, err := decode(old, &value); err != nil {
			return err
		}
		if !change(&value) {
			return nil
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return err
		}
		current, swapped, err := r.store.CompareAndSwap(ctx, key, old, encoded, r.now().Add(Keep))
		if err != nil || swapped {
			return err
		}
		old = current
	}
	return errContended
}

// apply puts news of a message into its record and tells the observer if they
// were new.
func (r *Receipts) apply(ctx context.Context, news Record) error {
	var told *Record
	err := update(ctx, r, messageKey(news.Message), func(record *Record) bool {
		told = nil
		changed := record.merge(news)
		if changed {
			now := *record
			told = &now
		}
		return changed
	})
	if err == nil && told != nil {
		r.observe(*told)
	}
	return err
}

// merge puts news into a record and reports whether they changed anything. Who
// sent the message and when is never overwritten by a report, which does not
// know.
func (record *Record) merge(news Record) (changed bool) {
	before := *record
	record.Message = news.Message
	if news.Channel != "" {
		record.Channel, record.SentAt = news.Channel, news.SentAt
	}
	if news.State.rank() > before.State.rank() {
		record.State, record.Kind, record.Reason, record.Changed = news.State, news.Kind, news.Reason, news.Changed
	}
	if record.Provider == "" || news.Channel != "" {
		record.Provider, record.ID = news.Provider, news.ID
	}
	return *record != before
}

// A pointer is what is kept under a provider's name for a message: our own
// name, or, until the send has returned, what was reported so far.
type pointer struct {
	Message string  `json:"message,omitempty"`
	Early   *Record `json:"early,omitempty"`
}

// Report is the [delivery.Observer] of these receipts. A report that names a
// message that nobody has sent is kept for a day like any other, since it may
// be early. Errors: ErrReport, or that of
// the store.
func (r *Receipts) Report(ctx context.Context, report delivery.Report) error {
	for _, text := range []string{report.Provider, report.ID, report.Message, string(report.Kind), report.Reason} {
		if len(text) > maxText {
			return ErrReport
		}
	}
	news := Record{Message: report.Message, Provider: report.Provider, ID: report.ID, Kind: report.Kind, Reason: report.Reason, Changed: report.At.UTC().Round(0)}
	switch report.Status {
	case delivery.Sent:
		news.State = Sent
	case delivery.Delivered:
		news.State = Delivered
	case delivery.Failed:
		news.State = Failed
	default:
		return nil // what a provider may say besides is no news
	}
	if news.State != Failed {
		news.Kind, news.Reason = "", ""
	}
	if news.Changed.IsZero() {
		news.Changed = r.now().UTC().Round(0)
	}
	if news.Message != "" {
		return r.apply(ctx, news)
	}
	if report.ID == "" {
		return nil // about nothing that could be found again
	}
	err := update(ctx, r, providerKey(report.Provider, report.ID), func(p *pointer) bool {
		news.Message = p.Message
		if p.Message != "" {
			return false
		}
		if p.Early == nil {
			p.Early = new(Record)
		}
		return p.Early.merge(news)
	})
	if err != nil || news.Message == "" {
		return err
	}
	return r.apply(ctx, news)
}

// Sender returns a sender that writes down what next answers. That costs two
// changes of the store for each message that is taken, and one for each that is
// not; should the store fail, the message is sent all the same.
func (r *Receipts) Sender(next delivery.Sender) delivery.Sender {
	return delivery.SenderFunc(func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
		receipt, err := next.Send(ctx, m)
		// The caller may be gone, or out of time, while the message is on its way.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if failure := r.note(ctx, m, receipt, err); failure != nil {
			r.failed(failure)
		}
		return receipt, err
	})
}

// note writes down the outcome of a send.
func (r *Receipts) note(ctx context.Context, m delivery.Message, receipt delivery.Receipt, err error) error {
	now := r.now().UTC().Round(0)
	news := Record{Message: m.ID, Channel: m.Channel, Provider: receipt.Provider, ID: receipt.ID, State: Taken, SentAt: now, Changed: now}
	if err != nil {
		failure := delivery.AsError(err, m)
		news.State, news.Provider, news.ID = Refused, failure.Provider, ""
		news.Kind, news.Reason = failure.Kind, failure.Reason
		if failure.Kind == delivery.Ambiguous {
			news.State = Unconfirmed
		}
	}
	if news.ID == "" {
		return r.apply(ctx, news)
	}
	// The record first: a report that finds the pointer finds the record.
	failure := r.apply(ctx, news)
	var early *Record
	pointed := update(ctx, r, providerKey(news.Provider, news.ID), func(p *pointer) bool {
		early = p.Early
		*p = pointer{Message: m.ID}
		return true
	})
	if pointed == nil && early != nil {
		early.Message = m.ID
		pointed = r.apply(ctx, *early)
	}
	return errors.Join(failure, pointed)
}
