package ecs

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"
)

// Where each value from outside goes. An alarm, a tag and an answer are anybody's, and a signature
// does not cover the host, so whoever chose the host could send what was signed for it on to ECS.
//
//	a region              the host, and the signed parameter RegionId; as validRegion takes it
//	an instance's id      the signed parameters InstanceIds, InstanceId; as validID takes it
//	an answer's NextToken the signed parameter of the next page; as validCursor takes it
//	the opt-in tag's key  the signed parameter Tag.1.Key; the operator configures it
//	all the rest          nowhere: nothing else of an alarm, a tag or an answer is in a request
//
// The path is always "/". The host is pinned by Client.domain before there is a client, and
// carrier, which every request passes, refuses any other.

// areas are the first parts of the names of regions (ECS document "Regions and zones").
var areas = []string{"cn", "ap", "us", "eu", "me", "na", "sa", "af"}

// foreign are words of the hosts of other products and networks. No region has one of them for a
// part, with digits after it or without, so no host that is made of a region's name can be a
// bucket's, a project's or an internal one.
var foreign = []string{
	"internal", "intranet", "inner", "private", "vpc", "vpce", "privatelink", "share", "dualstack",
	"accelerate", "api", "apigateway", "www", "pop", "ecs", "oss", "s3", "cdn", "slb", "alb", "nlb",
	"rds", "redis", "kvstore", "mongodb", "polardb", "nas", "dns", "log", "sls", "ots",
	"tablestore", "mns", "fc", "fcapp", "ram", "sts", "kms", "cms", "metrics", "cr", "acr", "cs",
	"vod", "live",
}

const (
	maxRegion = 40 // characters; the longest real name has 23
	maxParts  = 5  // of a region's name: cn-north-2-gov-1
	maxID     = 42 // characters of an instance's id; real ones have 22 at most
	maxCursor = 2048
)

// validRegion reports whether name has the strict form of a region's: an area, then one to four
// parts of lower-case letters and digits, none of which is a word of another product's host.
func validRegion(name string) bool {
	parts := strings.Split(name, "-")
	if len(name) > maxRegion || len(parts) < 2 || len(parts) > maxParts ||
		!slices.Contains(areas, parts[0]) {
		return false
	}
	return !slices.ContainsFunc(parts[1:], func(part string) bool {
		return !plain(part) || slices.Contains(foreign, strings.TrimRight(part, digits))
	})
}

// validID reports whether id has the form of an instance's: "i-", then lower-case letters and
// digits.
func validID(id string) bool {
	rest, is := strings.CutPrefix(id, "i-")
	return is && len(id) <= maxID && plain(rest)
}

// validCursor reports whether an answer's NextToken may be sent back: printable ASCII, and not
// long.
func validCursor(token string) bool {
	return len(token) <= maxCursor &&
		!strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

const digits = "0123456789"

// plain reports whether s is lower-case letters and digits, one at least.
func plain(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz"+digits) == ""
}

// endpoints is the SDK's table of regions whose public endpoint is not ecs.REGION.aliyuncs.com. The
// SDK makes it on first use, without a lock; made here, before any client of the SDK, it is only
// read from then on.
var endpoints = sync.OnceValue(ecs.GetEndpointMap)

// domain returns the host to call for a region, or the trouble with its name, of which nothing was
// sent.
func (c *Client) domain(region string) (string, *trouble) {
	switch host, listed := endpoints()[region]; {
	case !validRegion(region):
		return "", &trouble{code: badRegion,
			text: "not the name of a region, so nothing was asked: it would name a host"}
	case c.region != "" && region != c.region:
		return "", &trouble{code: badRegion,
			text: "not the region " + c.region + ", the only one that is called from here"}
	case c.host != "":
		return c.host, nil
	case c.vpc:
		return "ecs-vpc." + region + ".aliyuncs.com", nil
	case listed:
		return host, nil
	default:
		return "ecs." + region + ".aliyuncs.com", nil
	}
}

// parseEndpoint takes an endpoint apart. Signed requests hold the security token, so plain HTTP may
// not leave the machine.
func parseEndpoint(endpoint string) (scheme, host string, err error) {
	if endpoint == "" {
		return requests.HTTPS, "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.String() != u.Scheme+"://"+u.Host {
		return "", "", errors.New("the ECS endpoint must be https://HOST, and nothing after it")
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme == "https":
		return requests.HTTPS, u.Host, nil
	case u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost"):
		return requests.HTTP, u.Host, nil
	default:
		return "", "", errors.New(
			"the ECS endpoint must be https; http is only for a loopback address")
	}
}
