package receipts

import (
	"cmp"
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

// apply puts news of a message into its record and tells the observer if the
// state is another.
func (r *Receipts) apply(ctx context.Context, news Record) error {
	var told *Record
	err := update(ctx, r, messageKey(news.Message), func(record *Record) bool {
		told = nil
		before := *record
		record.merge(news)
		if record.State != before.State {
			now := *record
			told = &now
		}
		return *record != before
	})
	if err == nil && told != nil {
		r.observe(*told)
	}
	return err
}

// merge puts news into a record: what a send returned, which alone knows the
// channel, or a report. Who took the message is believed over all that others
// report of it: a provider may report that it failed although it took nothing,
// and another took it then.
func (record *Record) merge(news Record) {
	sent := news.Channel != ""
	if !record.same(news) && record.State != "" {
		switch {
		case sent && news.State != Refused:
			*record = Record{}
		case !sent && record.taken():
			return
		}
	}
	newer := news.State.rank() > record.State.rank()
	switch {
	case record.same(news):
		record.Provider, record.ID = cmp.Or(record.Provider, news.Provider), cmp.Or(record.ID, news.ID)
	case newer:
		record.Provider, record.ID = news.Provider, news.ID
	}
	record.Message = news.Message
	if sent {
		record.Channel, record.SentAt = news.Channel, news.SentAt
	}
	if newer {
		record.State, record.Kind, record.Reason, record.Changed = news.State, news.Kind, news.Reason, news.Changed
	}
}

// taken reports whether a provider took the message, or may have.
func (record *Record) taken() bool {
	return record.Channel != "" && record.State != Refused
}

// same reports whether news are about what the provider of a record has, as far
// as both say: an unconfirmed send knows no ID, and perhaps no provider.
func (record *Record) same(news Record) bool {
	if record.ID != "" && news.ID != "" {
		return record.ID == news.ID
	}
	return record.Provider == news.Provider || record.Provider == "" || news.Provider == ""
}

// A pointer is what is kept under a provider's name for a message: our own
// name, or, until the send has returned, what was reported so far.
type pointer struct {
	Message string  `json:"message,omitempty"`
	Early   *Record `json:"early,omitempty"`
}

// Report is the [delivery.Observer] of these receipts. A report that names a
// message that nobody has sent is kept for a day like any other, since it may
// be early; one of another provider than that which took the message is ignored.
// Errors: ErrReport, or that of the store.
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
		before := *p.Early
		p.Early.merge(news)
		return *p.Early != before
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
