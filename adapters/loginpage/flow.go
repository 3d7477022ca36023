package loginpage

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/seal"
)

// A flow is a code under way: what was sent where, and what for. It travels in a
// cookie of its own, sealed, so that its browser can neither read nor change it,
// and no other browser has it.
type flow struct {
	Kind      flowKind         `json:"k"`
	Via       delivery.Channel `json:"v"`           // by which the code went
	Asked     delivery.Channel `json:"a,omitempty"` // by which it was to go, if it fell back to Via
	To        string           `json:"t"`           // the address, in canonical form
	Method    string           `json:"m"`           // method id
	Challenge string           `json:"c"`
	User      string           `json:"u,omitempty"` // who is signed in, with a step or an add
	Need      string           `json:"f,omitempty"` // what the page wants, with a step
	Return    string           `json:"r,omitempty"` // where to go afterwards
	Sends     int              `json:"n"`           // how many codes were sent
	Expires   int64            `json:"e"`           // until when the code can be entered, in Unix seconds, as all three
	Next      int64            `json:"w"`           // when another code may be asked for
	End       int64            `json:"x"`           // when the flow is over
}

// A flowKind is what a code is for.
type flowKind string

const (
	flowLogin flowKind = "login" // to sign in
	flowStep  flowKind = "step"  // to show a further factor of one's own
	flowAdd   flowKind = "add"   // to add an address
)

const (
	flowLifetime = 15 * time.Minute
	resendAfter  = 30 * time.Second // between two codes of one flow
	flowContext  = "signin 2"
	padTo        = 256
	maxFlow      = 3800 // bytes of a cookie's value that every browser keeps
)

// setFlow gives the browser the flow, for a quarter of an hour from now. One that
// changes factors keeps its end, or sending again and again would carry it far
// away from when they were last shown.
func (p *Pages) setFlow(v *visit, f flow) {
	if f.End == 0 || f.Kind == flowLogin {
		f.End = p.now().Add(flowLifetime).Unix()
	}
	value := p.sealFlow(f)
	if len(value) > maxFlow {
		f.Return = ""
		value = p.sealFlow(f)
	}
	v.setCookie(flowCookie, value, time.Unix(f.End, 0))
}

func (p *Pages) sealFlow(f flow) string {
	plain, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings and numbers
	}
	// Neither the kind nor the user's id shows by the length.
	plain = append(plain, bytes.Repeat([]byte(" "), padTo-len(plain)%padTo)...)
	return base64.RawURLEncoding.EncodeToString(p.ring.Seal(nil, plain, []byte(flowContext)))
}

// openFlow returns the flow that a request's cookie holds, or false if there is
// none, or one that is over or not ours.
func (p *Pages) openFlow(r *http.Request) (flow, bool) {
	for _, value := range readCookie(p.plain(r), r, flowCookie) {
		if f, ok := p.unsealFlow(value); ok {
			return f, true
		}
	}
	return flow{}, false
}

func (p *Pages) unsealFlow(value string) (flow, bool) {
	if len(value) > maxFlow {
		return flow{}, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return flow{}, false
	}
	plain, err := p.ring.Open(nil, sealed, []byte(flowContext))
	if err != nil {
		return flow{}, false
	}
	var f flow
	if err := json.Unmarshal(plain, &f); err != nil || p.now().Unix() >= f.End {
		return flow{}, false
	}
	return f, true
}

// formID is what the forms of a flow say, so that one that was made for another
// code is noticed. It tells nothing of the challenge.
func (p *Pages) formID(f flow) string { return seal.Text(p.ring.Name("form", f.Challenge)) }

// wait returns for how many seconds no other code can be asked for.
func (p *Pages) wait(f flow) int { return max(0, int(f.Next-p.now().Unix())) }
