package events

import "strings"

// geographies are the first parts of Alibaba Cloud's region ids (ECS document "Regions and zones").
// sa and af have no region yet; they are what the scheme calls South America and Africa.
var geographies = []string{"cn", "ap", "us", "eu", "me", "na", "sa", "af"}

// notPlaces are words in names of hosts below aliyuncs.com that look like regions and are none:
// oss-cn-hangzhou is where buckets live, and cn-hangzhou-internal and vpc100 are inner networks of
// other products. No region's name holds one of them.
var notPlaces = []string{"oss", "vpc", "internal", "intranet", "inner", "private", "public",
	"share", "dualstack", "proxy", "gateway", "endpoint", "accelerate", "console", "aliyun",
	"alibaba", "localhost"}

// ValidRegion reports whether s has the form of a region id, such as cn-hangzhou, ap-southeast-1,
// cn-shanghai-finance-1 or cn-north-2-gov-1: a known geography, a place in letters, and up to
// three more parts of letters and digits, all in lower case and joined by hyphens, 40 bytes at
// most.
//
// A region becomes part of the name of the host that signed requests go to
// (ecs.REGION.aliyuncs.com), so the form is strict: nothing that passes can make that name one of
// another product or of a customer. That a region of this name exists is not checked. It is safe
// for concurrent use.
func ValidRegion(s string) bool {
	if len(s) > 40 {
		return false
	}
	parts := strings.Split(s, "-")
	if len(parts) < 2 || len(parts) > 5 || !oneOf(parts[0], geographies...) ||
		!only(parts[1], "az") {
		return false
	}
	for _, part := range parts[1:] {
		if part == "" || !only(part, "az", "09") {
			return false
		}
	}
	for _, word := range notPlaces {
		if strings.Contains(s, word) {
			return false
		}
	}
	return true
}
