package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/passcode-go/passcode/delivery"
)

// An outbox is a Sender that writes each message to a file before the next
// Sender gets it.
type outbox struct {
	file *os.File // opened to append, so that every write goes to the end in one piece
	next delivery.Sender
}

var _ delivery.Sender = outbox{}

// letter is a line of the file.
type letter struct {
	To      string           `json:"to"`
	Channel delivery.Channel `json:"channel"`
	Code    string           `json:"code"`
	Body    string           `json:"body"`
	Locale  string           `json:"locale"`
}

// openOutbox opens the file, and makes it, for its owner only, if there is
// none. One that is there is taken as it is: whoever runs a test has made it.
func openOutbox(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("-insecure-outbox: %w", err)
	}
	return f, nil
}

func (o outbox) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	line, err := json.Marshal(letter{m.To.Reveal(), m.Channel, m.Code.Reveal(), m.Body.Reveal(), m.Locale})
	if err == nil {
		_, err = o.file.Write(append(line, '\n'))
	}
	if err != nil {
		return delivery.Receipt{}, delivery.AsError(&delivery.Error{Kind: delivery.Temporary, Provider: "outbox", Reason: err.Error()}, m)
	}
	return o.next.Send(ctx, m)
}
