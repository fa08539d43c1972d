package web

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Loopback reports whether a host, a name or an address without port, means the machine itself.
func Loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownHost refuses requests for other hosts than this machine and Config.Hosts. A server without keys trusts whoever reaches it, and a
// page of any site reaches one on loopback when that site's name is made to resolve to 127.0.0.1: the browser then takes it for the
// site itself, but still sends the site's name as Host.
func (a *api) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !Loopback(host) && !slices.ContainsFunc(a.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
			fail(w, r, problemf(http.StatusMisdirectedRequest,
				"this server asks for no key, so it answers on names of its own machine only; name others with --host"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
