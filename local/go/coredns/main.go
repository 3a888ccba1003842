// Command coredns is CoreDNS with only the plugins that a cluster's DNS needs, since every further plugin costs minutes of compiling.
package main

import (
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

func init() {
	// The order in which a query passes the plugins; CoreDNS generates this list from plugin.cfg for its full build.
	dnsserver.Directives = []string{"reload", "errors", "health", "ready", "cache", "kubernetes", "loop", "forward"}
}

func main() { coremain.Run() }
