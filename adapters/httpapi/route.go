package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passcode-go/passcode/delivery"
)

// A route is one call of the API.
type route struct {
	method  string
	pattern string         // segments may be "{…}"
	class   delivery.Class // of the address that the call is about; "" where that varies
	status  int            // of a success
	body    int64          // bytes of a request's body at the most; 0 is maxBody
	public  bool           // needs no credentials
	run     func(context.Context, *call) (reply, error)
}

// routeTable returns all calls. Of several that fit a request the first one is
// taken, so those whose path is written out stand before those with a
// parameter in the same place.
func (h *Handler) routeTable() []route {
	return slices.Concat(h.otpRoutes(), h.userRoutes(), h.sessionRoutes(), h.totpRoutes())
}

// find returns the route of a request and fills in what the call knows of it.
//
// It is used in place of http.ServeMux, which answers a path that is not clean
// with a redirect, in HTML, and such a redirect loses the body of a POST.
func (h *Handler) find(r *http.Request, c *call) (*route, error) {
	segments, ok := split(r.URL.EscapedPath())
	if !ok {
		return nil, errRoute
	}
	var allow []string
	for i := range h.routes {
		rt := &h.routes[i]
		params, ok := match(rt.pattern, segments)
		if !ok {
			continue
		}
		c.route = rt.pattern
		if r.Method == rt.method || r.Method == http.MethodHead && rt.method == http.MethodGet {
			c.class, c.params = rt.class, params
			return rt, nil
		}
		allow = append(allow, rt.method)
		if rt.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	if allow != nil {
		return nil, &methodError{allow}
	}
	return nil, errRoute
}

// split returns the segments of a path, each decoded by itself, so that an
// encoded slash never parts two. No call has a segment that is empty, "." or
// "..", or that holds a slash: proxies on the way disagree on those.
func split(escaped string) (segments []string, ok bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return nil, false
	}
	for part := range strings.SplitSeq(rest, "/") {
		segment, err := url.PathUnescape(part)
		if err != nil || segment == "" || segment == "." || segment == ".." || strings.Contains(segment, "/") {
			return nil, false
		}
		segments = append(segments, segment)
	}
	return segments, true
}

// match reports whether the segments have the pattern, and returns those that
// stand in the places of "{…}".
func match(pattern string, segments []string) (params []string, ok bool) {
	i := 0
	for want := range strings.SplitSeq(pattern[1:], "/") {
		switch {
		case i >= len(segments):
			return nil, false
		case want[0] == '{':
			params = append(params, segments[i])
		case want != segments[i]:
			return nil, false
		}
		i++
	}
	return params, i == len(segments)
}
