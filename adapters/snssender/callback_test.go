package snssender

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

func TestCallback(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1686975103470).UTC()
	for name, tt := range map[string]struct {
		message fields
		want    *delivery.Report // nil: nothing is told
	}{
		"sent":       {notice(event("TEXT_SENT", "")), &delivery.Report{Status: delivery.Sent}},
		"delivered":  {notice(event("TEXT_DELIVERED", "")), &delivery.Report{Status: delivery.Delivered}},
		"subject":    {notice(event("TEXT_DELIVERED", "")).with("Subject", "Of a message – soon"), &delivery.Report{Status: delivery.Delivered}},
		"no subject": {notice(event("TEXT_DELIVERED", "")).with("Subject", ""), &delivery.Report{Status: delivery.Delivered}},
		"blocked": {notice(event("TEXT_BLOCKED", "for "+testTo)),
			&delivery.Report{Status: delivery.Failed, Kind: delivery.Rejected, Reason: "BLOCKED for +[redacted]"}},
		"queued":                {notice(event("TEXT_QUEUED", "")), nil},
		"a test":                {notice("Hello from SNS!"), nil},
		"of another service":    {notice(`{"Records":[{"eventSource":"aws:s3"}]}`), nil},
		"event with much on it": {notice(strings.Repeat("\n", 60<<10)), nil},
	} {
		l := listen(t, func(c *CallbackConfig) { c.Name = "aws-eu" })
		var want []delivery.Report
		if tt.want != nil {
			tt.want.Provider, tt.want.ID, tt.want.Message, tt.want.At = "aws-eu", testID, "our-id", at
			want = []delivery.Report{*tt.want}
		}
		l.wants(t, name, tt.message.signed().json(), 200, len(want), testCert)
		if !slices.Equal(l.reports, want) {
			t.Errorf("%s: %+v\nwant %+v", name, l.reports, want)
		}
	}
}

// A report that was not taken is asked for again; one that is told twice is
// reported twice. The certificate is got once.
func TestCallbackAgain(t *testing.T) {
	t.Parallel()
	l := listen(t, nil)
	l.err = errors.New("the store is down for " + testTo)
	body := notice(event("TEXT_DELIVERED", "")).signed().json()
	l.wants(t, "down", body, 503, 1, testCert)
	l.err = nil
	l.wants(t, "up", body, 200, 2)
	l.wants(t, "again", body, 200, 3)
	if l.reports[0] != l.reports[2] || l.reports[0].Provider != "aws" {
		t.Errorf("%+v", l.reports)
	}
}

// Nothing that was changed after it was signed is taken.
func TestAltered(t *testing.T) {
	t.Parallel()
	good := notice(event("TEXT_DELIVERED", "")).with("Subject", "a").signed()
	confirm := confirmation(subscription).signed()
	other := strings.Replace(good["Message"], testID, "evil", 1)
	for name, m := range map[string]fields{
		"Message":           good.with("Message", other),
		"Message, shorter":  good.with("Message", good["Message"]+" "),
		"MessageId":         good.with("MessageId", "evil"),
		"Subject":           good.with("Subject", "evil"),
		"Subject added":     notice(good["Message"]).signed().with("Subject", "evil"),
		"Subject emptied":   good.with("Subject", ""),
		"Subject removed":   good.with("Subject", "-"),
		"Timestamp":         good.with("Timestamp", "2026-03-01T11:59:59.655Z"),
		"TopicArn":          good.with("TopicArn", "arn:aws:sns:eu-west-1:123456789012:second"),
		"Type":              good.with("Type", unsubscription, "Token", testToken, "SubscribeURL", testSubURL),
		"Token":             confirm.with("Token", "evil", "SubscribeURL", strings.Replace(testSubURL, testToken, "evil", 1)),
		"SubscribeURL":      confirm.with("SubscribeURL", testSubURL+"&evil=1"),
		"Type to end it":    confirm.with("Type", unsubscription),
		"Type to tell it":   confirm.with("Type", notification),
		"version of hash":   good.with("SignatureVersion", "1"),
		"Signature":         good.with("Signature", confirm["Signature"]),
		"half a signature":  good.with("Signature", good["Signature"][:128]),
		"Subject in a text": good.with("Subject", "-", "MessageId", good["MessageId"]+"\nSubject\na"),
	} {
		l := listen(t, func(c *CallbackConfig) {
			c.Topics = append(c.Topics, "arn:aws:sns:eu-west-1:123456789012:second")
			c.UnsafeSHA1 = true
		})
		if code, answer := l.post(t, m.json()); code != 403 || len(l.reports) > 0 || slices.ContainsFunc(l.sns.requests(), isNo(testCert)) {
			t.Errorf("%s: %d %s, %+v", name, code, answer, l.reports)
		}
	}
}

func isNo(s string) func(string) bool { return func(other string) bool { return other != s } }

// A key that is there twice, or in other letters, does not get past the
// signature: of what is verified, and of nothing else, a report is made.
func TestConfusion(t *testing.T) {
	t.Parallel()
	m := notice(event("TEXT_DELIVERED", "")).signed()
	body := m.json()
	evil := fields{"Message": strings.Replace(m["Message"], testID, "evil", 1)}.json()
	evil = evil[1 : len(evil)-1]
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"twice, last":       {body[:len(body)-1] + "," + evil + "}", 403},
		"twice, first":      {"{" + evil + "," + body[1:], 200},
		"small, last":       {body[:len(body)-1] + "," + strings.ToLower(evil[:10]) + evil[10:] + "}", 403},
		"small, first":      {"{" + strings.ToLower(evil[:10]) + evil[10:] + "," + body[1:], 200},
		"two values":        {body + body, 403},
		"more behind":       {body + "x", 403},
		"subject and none":  {body[:len(body)-1] + `,"subject":"evil","SUBJECT":null}`, 200},
		"subject with none": {body[:len(body)-1] + `,"subject":null,"SUBJECT":"evil"}`, 403},
		"fields of ours":    {body[:len(body)-1] + `,"at":"2026-03-01T00:00:00Z","signature":""}`, 403},
	} {
		l := listen(t, nil)
		if code, answer := l.post(t, tt.body); code != tt.status || len(l.reports) > 1 || (len(l.reports) == 1) != (code == 200) || len(l.reports) == 1 && l.reports[0].ID != testID {
			t.Errorf("%s: %d %s, %+v", name, code, answer, l.reports)
		}
	}
}

// What was signed for another topic cannot be read as if it were for ours,
// whatever its owner writes in it.
func TestBordersMoved(t *testing.T) {
	t.Parallel()
	good := notice(event("TEXT_DELIVERED", ""))
	message := good["Message"] + "\nMessageId\n1\nTimestamp\n" + good["Timestamp"] + "\nTopicArn\n" + testTopic + "\nType\nNotification\n"
	theirs := good.with("Message", message, "TopicArn", "arn:aws:sns:eu-west-1:999999999999:evil").signed()
	l := listen(t, nil)
	for name, m := range map[string]fields{
		"theirs":        theirs,
		"their text":    good.with("Message", message, "Signature", theirs["Signature"]),
		"cut":           good.with("MessageId", "1", "Signature", theirs["Signature"]),
		"in the id":     good.with("Message", good["Message"], "MessageId", "1\nTimestamp\n"+good["Timestamp"]+"\nTopicArn\n"+testTopic, "Signature", theirs["Signature"]),
		"in the topic":  good.with("TopicArn", testTopic+"\nType\nNotification\n", "Signature", theirs["Signature"]),
		"in the type":   good.with("Type", "Notification\n", "Signature", theirs["Signature"]),
		"in the time":   good.with("Timestamp", good["Timestamp"]+"\nTopicArn\n"+testTopic, "Signature", theirs["Signature"]),
		"in a subject":  good.with("Subject", "a\nTimestamp\n"+good["Timestamp"]).signed(),
		"id is no word": good.with("MessageId", "a\nb").signed(),
	} {
		if code, answer := l.post(t, m.json()); code != 403 || len(l.reports) > 0 {
			t.Errorf("%s: %d %s, %+v", name, code, answer, l.reports)
		}
	}
}

// What is refused without asking anybody for anything.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := notice(event("TEXT_DELIVERED", ""))
	confirm := confirmation(subscription)
	type row struct {
		body, says string
		status     int
	}
	rows := map[string]row{
		"other topic":         {good.with("TopicArn", testTopic+"2").signed().json(), "Of a topic", 403},
		"other account":       {good.with("TopicArn", strings.Replace(testTopic, "1", "2", 1)).signed().json(), "Of a topic", 403},
		"topic in capitals":   {good.with("TopicArn", strings.ToUpper(testTopic)).signed().json(), "Of a topic", 403},
		"host of other topic": {good.with("SigningCertURL", strings.Replace(testCert, "eu-west-1.amazonaws.com", "cn-north-1.amazonaws.com.cn", 1)).signed().json(), "SigningCertURL", 403},
		"other topic to join": {confirm.with("TopicArn", testTopic+"2").signed().json(), "Of a topic", 403},
		"version 1":           {good.with("SignatureVersion", "1").signed().json(), "SetTopicAttributes SignatureVersion=2", 403},
		"version 3":           {good.with("SignatureVersion", "3").signed().json(), "neither 1 nor 2", 403},
		"version 2.0":         {good.with("SignatureVersion", "2.0").signed().json(), "neither 1 nor 2", 403},
		"old":                 {good.with("Timestamp", "2026-03-01T10:54:59.999Z").signed().json(), "Older", 403},
		"very old":            {good.with("Timestamp", "0001-01-01T00:00:00Z").signed().json(), "Older", 403},
		"to come":             {good.with("Timestamp", "2026-03-01T12:05:00.001Z").signed().json(), "time to come", 403},
		"to come late":        {good.with("Timestamp", "9999-12-31T00:00:00Z").signed().json(), "time to come", 403},
		"no time":             {good.with("Timestamp", "yesterday").signed().json(), "Not a message", 403},
		"odd signature":       {good.with("Signature", "*").json(), "Not a message", 403},
		"more behind it":      {good.signed().with("Signature", good.signed()["Signature"]+"*").json(), "Not a message", 403},
		"no type of SNS":      {good.with("Type", "notification").signed().json(), "Not a message", 403},
		"odd token":           {confirm.with("Token", "a b").signed().json(), "Not a message", 403},
		"number":              {strings.Replace(good.signed().json(), `"2"`, `2`, 1), "Not a message", 403},
		"nothing":             {"", "Not a message", 403},
		"null":                {"null", "Not a message", 403},
		"list":                {"[]", "Not a message", 403},
		"half":                {good.signed().json()[:500], "Not a message", 403},
		"HTML":                {"<h1>" + testTo, "Not a message", 403},
		"raw":                 {event("TEXT_DELIVERED", ""), "Not a message", 403},
		"too large":           {strings.Repeat(" ", maxEvent) + good.signed().json(), "Too large", 413},
		"deep":                {strings.Repeat("[", 200<<10), "Not a message", 403},
	}
	for _, name := range []string{"Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL"} {
		rows["no "+name] = row{good.signed().with(name, "-").json(), "", 403}
		rows["empty "+name] = row{good.signed().with(name, "").json(), "", 403}
	}
	for _, name := range []string{"Token", "SubscribeURL"} {
		rows["no "+name] = row{confirm.signed().with(name, "-").json(), "", 403}
		rows["no "+name+" at the end"] = row{confirmation(unsubscription).signed().with(name, "-").json(), "", 403}
	}
	for name, tt := range rows {
		l := listen(t, nil)
		code, answer := l.post(t, tt.body)
		if code != tt.status || !strings.Contains(answer, tt.says) || len(l.reports) > 0 {
			t.Errorf("%s: %d %s, %+v", name, code, answer, l.reports)
		}
		if asked := l.sns.requests(); len(asked) > 0 {
			t.Errorf("%s: SNS is asked for %q", name, asked)
		}
	}
	l := listen(t, nil)
	if code, answer := l.post(t, good.signed().json(), "x-amz-sns-rawdelivery", "true"); code != 403 || !strings.Contains(answer, "RawMessageDelivery=false") || len(l.reports) > 0 {
		t.Errorf("raw: %d %s", code, answer)
	}
	for name, topics := range map[string][]string{"no topic": nil, "empty": {""}, "other topic": {testTopic + "2"}, "in capitals": {strings.ToUpper(testTopic)}} {
		r := httptest.NewRequest("POST", "/", iotest.ErrReader(errors.New("it was read")))
		r.Header["X-Amz-Sns-Topic-Arn"] = topics
		w := httptest.NewRecorder()
		if l.ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("%s in the header: %d", name, w.Code)
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, httptest.NewRequest(method, "/", strings.NewReader(good.signed().json())))
		if w.Code != 405 || w.Header().Get("Allow") != "POST" || len(l.reports) > 0 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// The bounds of what is refused for its time, and SHA-1 by name.
func TestBounds(t *testing.T) {
	t.Parallel()
	good := notice(event("TEXT_DELIVERED", ""))
	l := listen(t, func(c *CallbackConfig) { c.UnsafeSHA1 = true })
	l.wants(t, "old enough", good.with("Timestamp", "2026-03-01T10:55:00.000Z").signed().json(), 200, 1, testCert)
	l.wants(t, "ahead", good.with("Timestamp", "2026-03-01T12:05:00.000Z").signed().json(), 200, 2)
	l.wants(t, "version 1", good.with("SignatureVersion", "1").signed().json(), 200, 3)
	l.wants(t, "version 2", good.signed().json(), 200, 4)
	l.wants(t, "version 3", good.with("SignatureVersion", "3").signed().json(), 403, 4)
	for topic, host := range map[string]string{
		"arn:aws-cn:sns:cn-north-1:123456789012:other":    "sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a": "sns.us-gov-west-1.amazonaws.com",
		"arn:aws:sns:ap-southeast-2:123456789012:b_-1":    "sns.ap-southeast-2.amazonaws.com",
	} {
		l := listen(t, func(c *CallbackConfig) { c.Topics = []string{topic} })
		at := strings.Replace(testCert, "sns.eu-west-1.amazonaws.com", host, 1)
		l.sns.answers[at] = l.sns.answers[testCert]
		l.wants(t, topic, good.with("TopicArn", topic, "SigningCertURL", at).signed().json(), 200, 1, at)
	}
}

// A subscription to one of the topics is confirmed, where SNS says that it is
// to be, and only there.
func TestConfirm(t *testing.T) {
	t.Parallel()
	l := listen(t, nil)
	good := confirmation(subscription)
	l.wants(t, "joins", good.signed().json(), 200, 0, testCert, testSubURL)
	l.wants(t, "joins again", good.signed().json(), 200, 0, testSubURL)
	escaped := strings.ReplaceAll(testSubURL, ":passcodes", "%3Apasscodes")
	l.sns.answers[escaped] = l.sns.answers[testSubURL]
	l.wants(t, "escaped", good.with("SubscribeURL", escaped).signed().json(), 200, 0, escaped)
	l.wants(t, "leaves", confirmation(unsubscription).signed().json(), 200, 0)
	told := confirmation(unsubscription).with("Message", event("TEXT_DELIVERED", ""))
	l.wants(t, "tells nothing", told.signed().json(), 200, 0)
	l.wants(t, "forged", good.signed().with("Token", "1", "SubscribeURL", strings.Replace(testSubURL, testToken, "1", 1)).json(), 403, 0)
	l.wants(t, "forged to leave", confirmation(unsubscription).with("Signature", "AAAA").json(), 403, 0)
	for name, do := range map[string]http.HandlerFunc{
		"refused": reply(400, "text/xml", "<Error/>"), "down": reply(503, html, ""), "redirect": reply(302, html, "", "Location", "https://evil.com/x"),
		"too much": reply(200, html, strings.Repeat("x", maxAnswer+1)),
	} {
		l.sns.answers[testSubURL] = do
		l.wants(t, name, good.signed().json(), 503, 0, testSubURL)
	}
	odd := map[string]string{
		"another action": strings.Replace(testSubURL, "ConfirmSubscription", "DeleteTopic", 1),
		"two actions":    testSubURL + "&Action=DeleteTopic",
		"no action":      strings.Replace(testSubURL, "Action=ConfirmSubscription&", "", 1),
		"another topic":  strings.Replace(testSubURL, ":passcodes", ":evil", 1),
		"two topics":     testSubURL + "&TopicArn=" + testTopic,
		"no topic":       strings.Replace(testSubURL, "TopicArn", "x", 1),
		"another token":  strings.Replace(testSubURL, testToken, "1", 1),
		"no token":       strings.Replace(testSubURL, "&Token="+testToken, "", 1),
		"fragment":       testSubURL + "#",
		"fragment more":  testSubURL + "&x=#evil",
		"topic behind":   strings.Replace(testSubURL, "&TopicArn", "#&TopicArn", 1),
		"only a query":   strings.TrimPrefix(testSubURL, testHost+"/?"),
		"path":           strings.Replace(testSubURL, "/?", "/a?", 1),
		"no path":        strings.Replace(testSubURL, "/?", "?", 1),
		"bad escape":     testSubURL + "&x=%zz",
		"semicolon":      strings.ReplaceAll(testSubURL, "&", ";"),
		"line":           testSubURL + "&x=\n",
		"not https":      strings.Replace(testSubURL, "https", "http", 1),
	}
	for name, target := range hostile {
		odd[name+" (host)"] = strings.Replace(target, "/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem", strings.TrimPrefix(testSubURL, testHost), 1)
	}
	delete(odd, "action (host)") // the right one
	for name, target := range odd {
		l.wants(t, name, good.with("SubscribeURL", target).signed().json(), 403, 0)
	}
}

func TestNewCallback(t *testing.T) {
	t.Parallel()
	good := listen(t, nil)
	for name, tt := range map[string]struct {
		change func(*CallbackConfig)
		want   string
	}{
		"name":        {func(c *CallbackConfig) { c.Name = "a\nb" }, "Name is longer"},
		"long name":   {func(c *CallbackConfig) { c.Name = strings.Repeat("a", 33) }, "Name is longer"},
		"no topics":   {func(c *CallbackConfig) { c.Topics = nil }, "Topics has none"},
		"no topic":    {func(c *CallbackConfig) { c.Topics = []string{testTopic, ""} }, "Topics[1] is not"},
		"a queue":     {func(c *CallbackConfig) { c.Topics = []string{"arn:aws:sqs:eu-west-1:123456789012:a"} }, "Topics[0] is not"},
		"FIFO":        {func(c *CallbackConfig) { c.Topics = []string{testTopic + ".fifo"} }, "Topics[0] is not"},
		"a slash":     {func(c *CallbackConfig) { c.Topics = []string{"arn:aws:sns:evil.com/eu-1:123456789012:a"} }, "Topics[0] is not"},
		"partition":   {func(c *CallbackConfig) { c.Topics = []string{"arn:aws-x:sns:eu-west-1:123456789012:a"} }, "Topics[0] is not"},
		"a line":      {func(c *CallbackConfig) { c.Topics = []string{testTopic + "\n"} }, "Topics[0] is not"},
		"subscribed":  {func(c *CallbackConfig) { c.Topics = []string{testTopic + ":c9135db0"} }, "Topics[0] is not"},
		"no observer": {func(c *CallbackConfig) { c.Observe = nil }, "Observe is missing"},
	} {
		cfg := CallbackConfig{Topics: []string{testTopic}, Observe: good.observe}
		tt.change(&cfg)
		c, err := NewCallback(cfg)
		if c != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewCallback(CallbackConfig{}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all that is wrong is named: %v", err)
	}
	// Of its own the Callback has a client that needs TLS; a client that it is
	// given stays as it is.
	client := &http.Client{}
	cfg := CallbackConfig{Topics: []string{testTopic}, Observe: good.observe, Client: client}
	c, err := NewCallback(cfg)
	if err != nil || client.CheckRedirect != nil {
		t.Fatalf("%v; the client is changed", err)
	}
	cfg.Topics[0] = "x"
	if c.hosts[testTopic] != "sns.eu-west-1.amazonaws.com" || c.now().IsZero() {
		t.Errorf("%v", c.hosts)
	}
	if c, _ = NewCallback(CallbackConfig{Topics: []string{testTopic}, Observe: good.observe}); c.client.Transport == nil {
		t.Error("the client is that of everybody")
	}
}
