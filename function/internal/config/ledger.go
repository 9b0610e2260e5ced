package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The kinds of ledger.
const (
	LedgerMemory     = "mem"
	LedgerBolt       = "bolt"
	LedgerRedis      = "redis"
	LedgerTablestore = "ots"
)

// Ledger says where the incidents are kept. It is only parsed: whether the place exists is for the
// one who opens it to find out.
type Ledger struct {
	Kind string // Memory, Bolt, Redis or Tablestore
	// of Redis, as given: redis:// or rediss://, perhaps with user and password
	URL                     Secret
	Path                    string // of Bolt: absolute
	Instance, Region, Table string // of Tablestore
	// of Tablestore: https://HOST, http:// on this machine; empty: by region
	Endpoint string
	Name     string // the ledger in messages, without user, password and options
}

// hostName is what a Redis may be reached by, besides an address.
var hostName = late(`^[A-Za-z0-9._-]+$`)

const ledgerForms = "mem:, bolt:///PATH, redis://HOST:PORT, rediss://HOST:PORT or " +
	"ots://INSTANCE.REGION/TABLE"

// tablestoreURL follows the naming rules of Tablestore for tables (help "Naming conventions and
// data types"). Instance and region become parts of a host name, so they may hold nothing that ends
// one.
var tablestoreURL = late(`^ots://([A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)\.` +
	`([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)/` +
	`([A-Za-z_][A-Za-z0-9_]{0,254})$`)

// ledgerHidden: a URL may hold a password, also one so misspelt that it cannot be told where; the
// other kinds have none, and neither has the word alone.
func ledgerHidden(value string) bool {
	kind, _, _ := strings.Cut(value, ":")
	harmless := kind == LedgerMemory || kind == LedgerBolt || kind == LedgerTablestore
	return !harmless || urlHidden(value)
}

func ledger(into *Ledger) parser {
	return func(value string, fail fail) {
		switch kind, _, _ := strings.Cut(value, ":"); kind {
		case "mem":
			switch value {
			case "mem:":
			case kind:
				fail("write mem: with its colon", "the colon is missing")
				return
			default:
				fail("mem: and nothing after it", "a ledger in memory has no name")
				return
			}
			*into = Ledger{Kind: LedgerMemory, Name: value}
		case "bolt":
			file, ok := strings.CutPrefix(value, "bolt://")
			if !ok || !path.IsAbs(file) || strings.HasSuffix(file, "/") {
				fail("bolt:///PATH with three slashes, such as "+
					"bolt:///var/lib/ecs-remedy/ledger.db",
					"not the absolute path of a file")
				return
			}
			if !printable(file) {
				fail("another path", "the path has a character that cannot be printed")
				return
			}
			file = path.Clean(file)
			*into = Ledger{Kind: LedgerBolt, Path: file, Name: "bolt://" + file}
		case "redis", "rediss":
			redis(into, value, fail)
		case "ots":
			tablestore(into, value, fail)
		default:
			fail(ledgerForms, "not a kind of ledger")
		}
	}
}

// printable reports whether a text from outside can be shown on one line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s,
		func(r rune) bool { return !unicode.IsPrint(r) })
}

// tablestore checks the address of a table, and of the instance that it is in.
func tablestore(into *Ledger, value string, fail fail) {
	address, options, given := strings.Cut(value, "?")
	part := tablestoreURL().FindStringSubmatch(address)
	if part == nil {
		fail("ots://INSTANCE.REGION/TABLE, such as ots://remedy.cn-hangzhou/incidents; a table's "+
			"name has letters, digits and underscores", "not the address of a table in Tablestore")
		return
	}
	instance, region := part[1], part[2]
	endpoint := ""
	if given {
		form := fmt.Sprintf("?endpoint=NAME-%s.%s.vpc.ots.aliyuncs.com, the domain name that the "+
			"instance has in a VPC bound to it as NAME, or nothing after the "+
			"table", instance, region)
		query, err := url.ParseQuery(options)
		host := query.Get("endpoint")
		switch at, isHTTP := strings.CutPrefix(host, "http://"); {
		case err != nil || len(query) != 1 || len(query["endpoint"]) != 1:
			fail(form, "an option that is not one endpoint")
			return
		case tablestoreHost(host, instance, region):
			endpoint = "https://" + host
		case isHTTP && loopbackPort(at): // a simulated one, for tests
			endpoint = host
		case strings.Contains(host, "://"):
			fail(form, "the endpoint is more than a host")
			return
		default:
			fail(form, "the endpoint is no host of the instance")
			return
		}
	}
	*into = Ledger{Kind: LedgerTablestore, Instance: instance, Region: region,
		Table: part[3], Endpoint: endpoint,
		Name: address}
}

// boundName is the part of a host that a binding of a VPC is named by, with its hyphen.
var boundName = late(`^[a-z](?:[a-z0-9-]*[a-z0-9])?-$`)

// tablestoreHost reports whether a host is one of the instance's: those that every instance has,
// and in a bound VPC the one that begins with the binding's name (Tablestore documents "Endpoints"
// and "BindInstance2Vpc"). Everywhere else another name in front would be another instance. The
// store itself has the same rule; a test compares them.
func tablestoreHost(host, instance, region string) bool {
	host = strings.ToLower(host)
	own := strings.ToLower(instance + "." + region)
	for _, domain := range []string{".ots.aliyuncs.com", ".ots-internal.aliyuncs.com",
		".tablestore.aliyuncs.com",
		".vpc.tablestore.aliyuncs.com", ".vpc.ots.aliyuncs.com"} {
		if host == own+domain {
			return true
		}
	}
	name, bound := strings.CutSuffix(host, own+".vpc.ots.aliyuncs.com")
	return bound && boundName().MatchString(name) && len(name)+len(instance) <= 63
}

// loopbackPort reports whether it is an address of this machine and a port.
func loopbackPort(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

// redis checks the URL of a Redis server. A password that holds / ? or # unescaped would end the
// host too early, and its rest would pass for a database or an option: nothing of that may get
// through, for the host is printed. Errors of net/url are dropped because their text holds the URL.
func redis(into *Ledger, value string, fail fail) {
	const form = "redis://USER:PASSWORD@HOST:PORT/DATABASE, the last a number, all but HOST " +
		"optional; write / ? # @ : % in user and password as %2F %3F %23 %40 %3A %25"
	u, err := url.Parse(value)
	if err != nil || u.Opaque != "" {
		fail(form, "not a URL")
		return
	}
	if u.Hostname() == "" {
		fail(form, "no host")
		return
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil &&
		!hostName().MatchString(u.Hostname()) {
		fail(form, "the host is neither a name nor an address")
		return
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" &&
		(err != nil || port == 0) {
		fail(form, "the port is not a number from 1 to 65535")
		return
	}
	database := strings.TrimPrefix(u.Path, "/")
	if _, err := strconv.ParseUint(database, 10, 16); database != "" && err != nil {
		fail(form, "the database is not a number")
		return
	}
	switch {
	case u.Fragment != "" || strings.Contains(u.RawQuery, "@"):
		fail(form, "user or password is not escaped")
		return
	case u.RawQuery != "" || u.ForceQuery:
		fail(form, "options, or a password that is not escaped")
		return
	}
	*into = Ledger{Kind: LedgerRedis, URL: Secret(value), Name: u.Scheme + "://" + u.Host + u.Path}
}
