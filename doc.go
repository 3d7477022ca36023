// Package passcode is the root of a module for one-time passcodes by SMS,
// WhatsApp and e-mail, without a remote service. It holds no code; begin with
// the package that you need:
//
//   - engine makes, sends and checks codes.
//   - engine/accounts gives them users, kept in a directory.
//   - store/boltstore and store/memstore remember; store says what another
//     store has to do.
//   - delivery says how messages travel; delivery/console prints them.
//   - policy says how strict the engine is, countries what a number is.
//   - adapters/httpapi speaks the HTTP API that existing clients know.
//
// The program adapters/passcoded wires all of it together.
package passcode
