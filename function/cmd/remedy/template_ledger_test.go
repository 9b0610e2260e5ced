package main

import (
	"fmt"
	"slices"
	"strings"

	"ecs-remedy/function/internal/config"
)

// ledgerVariant is a stack, and where its ledger must be.
type ledgerVariant struct {
	given []string
	url   string
	own   bool // a table of the stack
	bound bool // to the function's VPC
}

var ledgerChecks = []templateCheck{
	{"the ledger is where the function looks", func(t *template, _ *code) error {
		const own = "ots://remedy-4a6c9851.cn-hangzhou/incidents"
		const redis = "redis://10.0.0.5:6379"
		for _, v := range []ledgerVariant{
			{nil, own, true, false},
			// Tablestore document "Endpoints" has the VPC address of an instance. A VPC that is
			// bound can use it as well as the binding's own (document on the exception "binded
			// VPC").
			{stackVPC, own + "?endpoint=remedy-4a6c9851.cn-hangzhou.vpc.tablestore.aliyuncs.com",
				true, true},
			// In a VPC for another reason, with public endpoints.
			{stackVPC[1:], own, true, false},
			{[]string{"LedgerUrl=" + redis}, redis, false, false},
			{append([]string{"LedgerUrl=" + redis}, stackVPC...), redis, false, false},
		} {
			if err := t.checkLedger(v); err != nil {
				return fmt.Errorf("%q: %w", v.given, err)
			}
		}
		return nil
	}},
	{"the table is the ledger's", onDefault(func(s *stack, c *code) error {
		table := s.the("ALIYUN::OTS::Table")
		keys := items(table["PrimaryKey"])
		if len(keys) != 1 || dig(keys[0], "Name") != c.key || dig(keys[0], "Type") != "STRING" ||
			table["MaxVersions"] != 1 {
			return fmt.Errorf("primary key %v with %v versions, the ledger needs one STRING %s "+
				"and one version", keys, table["MaxVersions"], c.key)
		}
		// Whatever a decision may rest on must outlive it.
		kept := seconds(table["TimeToLive"])
		if kept >= 0 && kept < c.policy.KeyRetention()+c.policy.IncidentLimit {
			return fmt.Errorf("a row lives %v, an alarm's key %v", kept, c.policy.KeyRetention())
		}
		return nil
	})},
}

func (t *template) checkLedger(v ledgerVariant) error {
	s, err := t.stack(v.given...)
	if err != nil {
		return err
	}
	url := s.environment()["REMEDY_LEDGER"]
	if url != v.url {
		return fmt.Errorf("the function looks at %s, not %s", url, v.url)
	}
	instances, binders := s.of("ALIYUN::OTS::InstanceV2"), s.of("ALIYUN::OTS::VpcBinder")
	if got := [3]int{len(instances), len(s.of("ALIYUN::OTS::Table")), len(binders)}; got !=
		[3]int{count(v.own), count(v.own), count(v.bound)} {
		return fmt.Errorf("%v instances, tables and bindings", got)
	}
	if !v.own {
		if shown, ok := s.Outputs["OwnLedgerUrl"]; ok {
			return fmt.Errorf("the stack shows a ledger that it does not have: %v", shown)
		}
		return nil
	}
	if s.Outputs["OwnLedgerUrl"] != url {
		return fmt.Errorf("operators are told %v", s.Outputs["OwnLedgerUrl"])
	}
	plain, endpoint, _ := strings.Cut(url, "?endpoint=")
	settings, err := config.Load([]string{"REMEDY_LEDGER=" + plain, "REMEDY_MODE=enforce"})
	if err != nil {
		return err
	}
	l := settings.Ledger
	table := "acs:ots:" + stackRegion + ":" + stackAccount +
		":instance/" + l.Instance + "/table/" + l.Table
	for _, statement := range s.statements(asFunction) {
		if slices.Contains(statement.actions, "ots:PutRow") &&
			!slices.Equal(statement.resources, []string{table}) {
			return fmt.Errorf("the role may write %s, the ledger is %s", statement.resources, table)
		}
	}
	networks := texts(instances[0]["NetworkTypeACL"])
	if s.given["Network"] == "public" {
		if !slices.Equal(networks, []string{"INTERNET", "VPC"}) {
			return fmt.Errorf("the function comes over the Internet, the instance allows %s",
				networks)
		}
		return nil
	}
	if !slices.Equal(networks, []string{"VPC"}) {
		return fmt.Errorf("the function comes from its VPC, the instance allows %s", networks)
	}
	if !strings.HasPrefix(endpoint, l.Instance+"."+l.Region+".vpc.") {
		return fmt.Errorf("the endpoint %s is not in the VPC", endpoint)
	}
	bound := dig(binders[0], "Vpcs", 0)
	function := s.the("ALIYUN::FC3::Function")
	if binders[0]["InstanceName"] != l.Instance ||
		dig(bound, "VpcId") != dig(function, "VpcConfig", "VpcId") ||
		dig(bound, "VirtualSwitchId") != dig(function, "VpcConfig", "VSwitchIds", 0) {
		return fmt.Errorf("bound are %v and %v, the function is in %v", binders[0]["InstanceName"],
			bound, function["VpcConfig"])
	}
	return nil
}

// count is 1 for what should be there.
func count(there bool) int {
	if there {
		return 1
	}
	return 0
}

const (
	checkLedger = "the ledger is where the function looks"
	checkTable  = "the table is the ledger's"
)

var ledgerMutations = []mutation{
	change("another ledger's address", "'ots://${Ledger", "'mns://${Ledger", checkLedger,
		checkStarts),
	change("another table in the role", "/table/incidents", "/table/incident", checkGranted,
		checkLedger),
	change("another endpoint", "vpc.tablestore.aliyuncs.com", "ots.aliyuncs.com", checkLedger),
	change("a VPC that is not bound", "    Condition: BoundLedger\n    Properties:\n",
		"    Condition: EventsByEventBridge\n    Properties:\n", checkLedger),
	change("a binding to another switch", "          VirtualSwitchId: {Ref: VSwitchId}\n",
		"          VirtualSwitchId: vsw-bp2\n", checkLedger),
	change("a binding of another instance",
		"    Condition: BoundLedger\n    Properties:\n      "+
			"InstanceName: {Fn::GetAtt: [Ledger, InstanceName]}",
		"    Condition: BoundLedger\n    "+"Properties:\n      InstanceName: remedy",
		checkLedger),
	change("an instance that the Internet may not reach", "[VPC, INTERNET]", "[VPC]", checkLedger),
	change("an instance that the Internet may reach", "[VpcEndpoints, [VPC], [VPC, INTERNET]]",
		"[VpcEndpoints, [VPC, INTERNET], [VPC, INTERNET]]", checkLedger),
	change("operators are told the other address", "        - BoundLedger\n        - Fn::Sub",
		"        - EventsByEventBridge\n        - Fn::Sub", checkLedger),
	change("the primary key in the template", "{Name: key, Type: STRING}",
		"{Name: id, Type: STRING}", checkTable),
	inCode("the primary key in the code", func(c *code) { c.key = "id" }, checkTable),
	change("a primary key of another type", "{Name: key, Type: STRING}",
		"{Name: key, Type: BINARY}", checkTable),
	change("several versions of a row", "MaxVersions: 1", "MaxVersions: 2", checkTable),
	change("rows that go before what counts", "TimeToLive: 2592000", "TimeToLive: 86400",
		checkTable),
	change("rows that stay", "TimeToLive: 2592000", "TimeToLive: -1"),
}
