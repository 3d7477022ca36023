package httpapi

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

// curls are the requests of the product's overview, as curl puts them on the
// wire.
func curls(t *testing.T) []curl {
	t.Helper()
	text, err := os.ReadFile("testdata/overview.txt")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?s)curl --request (\w+) \\\n\t--url https://([^/]+)(\S+) \\\n\t-u 'PROJECT_ID:SECRET' \\\n\t-H '([^']*)' \\\n\t-d '([^']*)'`)
	var all []curl
	for _, m := range form.FindAllStringSubmatch(string(text), -1) {
		all = append(all, curl{method: m[1], host: m[2], path: m[3], header: m[4], body: m[5]})
	}
	if len(all) != 5 {
		t.Fatalf("%d requests in the overview", len(all))
	}
	return all
}

type curl struct{ method, host, path, header, body string }

// send writes the request to a connection of its own and reads the answer.
func (c curl) send(t *testing.T, b *bench, server *httptest.Server) result {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	credentials := base64.StdEncoding.EncodeToString([]byte(b.project + ":" + b.secret))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n%s\r\nContent-Length: %d\r\n\r\n%s",
		c.method, c.path, c.host, credentials, c.header, len(c.body), c.body)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := result{status: response.StatusCode, header: response.Header, raw: string(body)}
	if err := wellFormed(&got, false); err != nil {
		t.Fatal(err)
	}
	return got
}

// with returns the authenticate request about another method and code.
func (c curl) with(methodID, code string) curl {
	c.body = strings.NewReplacer(sandboxPhoneID, methodID, "123456", code).Replace(c.body)
	return c
}

func TestOverviewLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	server := httptest.NewServer(b.api)
	defer server.Close()
	requests := curls(t)
	login, authenticate := requests[0], requests[1]

	first := b.want(login.send(t, b, server), 200, "")
	if first.body["user_created"] != true {
		t.Errorf("user_created is %v at first", first.body["user_created"])
	}
	code := b.code(johnPhone)
	b.want(authenticate.with(first.text("phone_id"), wrong(code)).send(t, b, server), 404, "otp_code_not_found")
	done := b.want(authenticate.with(first.text("phone_id"), code).send(t, b, server), 200, "")
	if done.text("user_id") != first.text("user_id") || done.text("method_id") != first.text("phone_id") {
		t.Errorf("authenticated %s", done.raw)
	}
	b.want(authenticate.with(first.text("phone_id"), code).send(t, b, server), 401, "unable_to_auth_otp_code")

	again := b.want(login.send(t, b, server), 200, "")
	if again.body["user_created"] != false || again.text("user_id") != first.text("user_id") || again.text("phone_id") != first.text("phone_id") {
		t.Errorf("the second login is %s", again.raw)
	}

	// As written, the method is the sandbox's, and its code another.
	b.want(authenticate.send(t, b, server), 404, "otp_code_not_found")
	b.want(authenticate.with(sandboxPhoneID, "000000").send(t, b, server), 200, "")
}

func TestOverviewSecondFactor(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	server := httptest.NewServer(b.api)
	defer server.Close()
	requests := curls(t)
	create, send, authenticate := requests[2], requests[3], requests[4]

	b.want(send.send(t, b, server), 404, "phone_number_not_found")
	user := b.want(create.send(t, b, server), 201, "")
	if b.kit.Inbox.Len() != 0 {
		t.Error("creating a user sent a message")
	}
	sent := b.want(send.send(t, b, server), 200, "")
	if sent.text("phone_id") != user.text("phone_id") || sent.text("user_id") != user.text("user_id") {
		t.Errorf("sent to %s", sent.raw)
	}
	done := b.want(authenticate.with(sent.text("phone_id"), b.code(johnPhone)).send(t, b, server), 200, "")
	if done.text("user_id") != user.text("user_id") {
		t.Errorf("authenticated %s", done.raw)
	}
	b.want(create.send(t, b, server), 400, "duplicate_phone_number")
}
