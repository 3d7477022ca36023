package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store/memstore"
)

// tryEngine builds what a server would, on a store that is forgotten.
func tryEngine(cfg config, out io.Writer) (*engine.Engine, *messaging, error) {
	quiet := slog.New(slog.DiscardHandler)
	m, err := openMessaging(cfg, console.New(out), nil, quiet)
	if err != nil {
		return nil, nil, err
	}
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, nil, errors.Join(err, m.close())
	}
	eng, err := newEngine(cfg, engine.RandomKeys(), memory, m, quiet)
	if err != nil {
		return nil, nil, errors.Join(err, m.close())
	}
	return eng, m, nil
}

// runCheckConfig says what is wrong with the file of -config, by line, or what
// it means. It asks no provider anything.
func runCheckConfig(cfg config, stdout io.Writer) error {
	_, m, err := tryEngine(cfg, io.Discard)
	if err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "%s is good.\n", cfg.file)
	for _, name := range slices.Sorted(maps.Keys(m.channels)) {
		fmt.Fprintf(&t, "  %s", name)
		if to := m.channels[name].Fallback; to != "" {
			fmt.Fprintf(&t, ", falls back to %s", to)
			if after := m.after[name].Duration; after > 0 {
				fmt.Fprintf(&t, " after %v without a receipt", after)
			}
		}
		fmt.Fprintln(&t)
	}
	for _, h := range m.health() {
		fmt.Fprintf(&t, "  provider %s", h.Name)
		if m.callbacks[callbackPath(h.Name)] != nil {
			fmt.Fprintf(&t, ", reports to %s", callbackPath(h.Name))
		}
		fmt.Fprintln(&t)
	}
	_, err = io.WriteString(stdout, t.String())
	return errors.Join(err, m.close())
}

// runSendTest sends one code and tells who took it. The code is on the phone,
// not here, unless the provider is the console.
func runSendTest(ctx context.Context, cfg config, stdout io.Writer) (err error) {
	eng, m, err := tryEngine(cfg, stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	c, err := eng.Start(ctx, engine.Request{Channel: delivery.Channel(cfg.channel), To: cfg.to, Locale: cfg.locale, Purpose: "test"})
	if failed, ok := errors.AsType[*delivery.Error](err); ok {
		var lines []error
		for _, try := range failed.Tries() {
			lines = append(lines, &try)
		}
		return fmt.Errorf("nobody took the message:\n%w", errors.Join(lines...))
	}
	if err != nil {
		return err
	}
	var t strings.Builder
	if c.FellBack != nil {
		fmt.Fprintf(&t, "%s fell back to %s: %v\n", cfg.channel, c.Channel, c.FellBack)
	}
	if c.Unconfirmed {
		fmt.Fprintf(&t, "The provider's answer did not arrive: the message to %v may be on its way.\n", c.Address)
	} else {
		fmt.Fprintf(&t, "%s took the message to %v as %q.\n", c.Receipt.Provider, c.Address, c.Receipt.ID)
	}
	_, err = io.WriteString(stdout, t.String())
	return err
}
