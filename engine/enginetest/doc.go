// Package enginetest helps an application test its own use of passcodes: an
// engine on memory, a clock that stands still, and an inbox that keeps every
// message.
//
//	kit := enginetest.New(t)
//	ch, err := kit.Engine.Start(ctx, engine.Request{Channel: delivery.SMS, To: enginetest.Delivered})
//	…
//	proof, err := kit.Engine.Verify(ctx, ch.ID, kit.Code(enginetest.Delivered))
//
// The engine is a real one and keeps all its rules: codes are random, expire
// when [Clock.Advance] goes past their lifetime, bear as many guesses and
// sends as anywhere. To change that, or to add texts and an observer, pass
// functions to [New]; they get the config before the engine is made. To test
// with users, give [Kit.Engine] and [Clock.Now] to package accounts.
//
// # Sandbox numbers
//
// SMS and WhatsApp to some numbers end in other ways, as scripted by
// [Rejected], [Throttled] and [Ambiguous]; every other message arrives in the
// inbox. All are North American numbers from 555-0100 to 555-0199, which are
// set aside for fiction and reach nobody.
//
// It links the metadata of all phone numbers and package testing: import it
// from tests only.
package enginetest
