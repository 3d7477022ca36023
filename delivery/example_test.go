package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// A program checks its texts once, parses the address that it was given,
// writes the message in the person's language and hands it to a sender. The
// engine does the same between its Start and its Sender.
func Example() {
	texts := delivery.Texts{App: "Acme", Origin: "example.com"}
	if err := texts.Check(6); err != nil {
		log.Fatal(err)
	}

	to, _, _, err := delivery.ParseEmail("Jane.Roe@Example.com")
	if err != nil {
		log.Fatal(err)
	}
	locale, ok := delivery.MatchLocale(delivery.Email, "FR")
	if !ok {
		log.Fatal("not a language we speak")
	}
	const code = "123456"
	subject, body, err := texts.Render(delivery.Email, locale, code, 2*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	m := delivery.Message{
		Channel: delivery.Email,
		To:      delivery.NewAddress(to),
		Code:    delivery.NewSecret(code),
		Subject: subject,
		Body:    delivery.NewSecret(body),
		Locale:  locale,
		Expires: 2 * time.Minute,
	}

	sender := delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
		fmt.Printf("To: %s\nSubject: %s\n\n%s\n\n", m.To.Reveal(), m.Subject, m.Body.Reveal())
		return delivery.Receipt{}, errors.New("550 no mailbox jane.roe@example.com, message 'Votre code Acme est 123456...'")
	})
	if _, err := sender.Send(context.Background(), m); err != nil {
		fmt.Println(delivery.AsError(err, m))
	}
	// Output:
	// To: jane.roe@example.com
	// Subject: Votre code Acme
	//
	// Votre code Acme est 123456. Il expire dans 2 min. Ne le partagez jamais.
	//
	// Si vous ne l'avez pas demandé, vous pouvez ignorer ce message.
	//
	// delivery: ambiguous: 550 no mailbox [redacted], message 'Votre code Acme est [redacted]...'
}

func ExampleTexts_Render() {
	texts := delivery.Texts{App: "Acme", Origin: "example.com"}
	for _, locale := range []string{"en", "ja"} {
		_, body, err := texts.Render(delivery.SMS, locale, "123456", 2*time.Minute)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(body)
	}
	// Output:
	// Your Acme code is 123456. It expires in 2 min. Never share it.
	// @example.com #123456
	// Acmeの認証コードは123456です。有効期限は2分です。他人に教えないでください。
	// @example.com #123456
}

// The SMS of some languages cannot use the GSM alphabet and hold 70 characters
// only. Check finds that out before anybody waits for a message.
func ExampleTexts_Check() {
	texts := delivery.Texts{App: "The Example Company", Origin: "accounts.example-company.com"}
	fmt.Println(texts.Check(6))
	// Output:
	// delivery: texts cannot be used: with this App, Origin and code length an SMS is too long in es by 14, pt-br by 15, zh-Hans by 8, ja by 8, ru by 16, fa by 18, vi by 18, cs by 16
}

func ExampleSecret() {
	type login struct {
		Code delivery.Secret
		to   delivery.Address
	}
	l := login{delivery.NewSecret("123456"), delivery.NewAddress("+12025550162")}
	fmt.Println(l.Code, l.to)
	fmt.Println(l.Code.Reveal())
	// Output:
	// [redacted] +•••62
	// 123456
}
