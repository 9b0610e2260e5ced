package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAddresses reads addresses as the services' consoles give them, and what can be added to them.
func TestAddresses(t *testing.T) {
	const (
		ding  = "https://oapi.dingtalk.com/robot/send?access_token=T"
		wecom = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K-1"
		slack = "https://hooks.slack.com/services/T0/B0/x"
	)
	for _, row := range []struct {
		value string
		want  []Address
		why   string
	}{
		{"none", nil, "the word for nothing"},
		{ding, []Address{{FormDingTalk, ding, "", "oapi.dingtalk.com"}}, "the host tells"},
		{ding + "#secret=SEC+a/b=", []Address{{FormDingTalk, ding, "SEC+a/b=",
			"oapi.dingtalk.com"}},
			"base64 is taken as it stands"},
		{ding + "#", []Address{{FormDingTalk, ding, "", "oapi.dingtalk.com"}},
			"nothing after the #"},
		{ding + "#as=json", []Address{{FormJSON, ding, "", "oapi.dingtalk.com"}}, "as= overrides"},
		{"https://OAPI.DingTalk.com.:443/robot/send?x=1&access_token=T#secret=a%26%40",
			[]Address{{FormDingTalk, "https://OAPI.DingTalk.com.:443/robot/send?x=1&access_token=T",
				"a&@", "OAPI.DingTalk.com.:443"}}, "the same host, and an escaped secret"},
		{"https://open.feishu.cn/open-apis/bot/v2/hook/ID#secret=s",
			[]Address{{FormFeishu, "https://open.feishu.cn/open-apis/bot/v2/hook/ID", "s",
				"open.feishu.cn"}}, "Feishu signs, too"},
		{"https://open.larksuite.com/open-apis/bot/v2/hook/ID",
			[]Address{{FormFeishu, "https://open.larksuite.com/open-apis/bot/v2/hook/ID", "",
				"open.larksuite.com"}}, "Feishu abroad"},
		{wecom + "  " + slack, []Address{{FormWeCom, wecom, "", "qyapi.weixin.qq.com"},
			{FormSlack, slack, "", "hooks.slack.com"}}, "two of them"},
		{"https://x.oapi.dingtalk.com/a", []Address{{FormJSON, "https://x.oapi.dingtalk.com/a", "",
			"x.oapi.dingtalk.com"}}, "another host"},
		{"https://hook.example.com/a@b/c?d=e@f", []Address{{FormJSON,
			"https://hook.example.com/a@b/c?d=e@f", "", "hook.example.com"}},
			"an @ behind the host is no password"},
		{"http://127.0.0.1:8080/x#secret=s&as=dingtalk", []Address{{FormDingTalk,
			"http://127.0.0.1:8080/x", "s", "127.0.0.1:8080"}},
			"loopback needs no TLS, and what is not the service may know the robot itself"},
		{"http://[::1]:1/#as=wecom", []Address{{FormWeCom, "http://[::1]:1/", "", "[::1]:1"}},
			"IPv6"},
		{"http://LOCALHOST/#as=slack", []Address{{FormSlack, "http://LOCALHOST/", "", "LOCALHOST"}},
			"a loopback name"},
		{"https://proxy.example.com/#as=feishu", []Address{{FormFeishu,
			"https://proxy.example.com/",
			"", "proxy.example.com"}}, "a proxy that knows the robot"},
	} {
		c, err := Load([]string{"REMEDY_NOTIFY=" + row.value})
		if err != nil {
			t.Errorf("%s (%s): %v", row.value, row.why, err)
			continue
		}
		if diff := cmp.Diff(row.want, c.Notify); diff != "" {
			t.Errorf("%s (%s): (-want +got) %s", row.value, row.why, diff)
		}
	}
}

// TestAddressesStayHidden prints a Config whose addresses are full of secrets.
func TestAddressesStayHidden(t *testing.T) {
	c, err := Load([]string{"REMEDY_NOTIFY=" +
		"https://oapi.dingtalk.com/robot/send?access_token=hunter2#secret=SEChunter2 " +
		"https://hook.example.com/hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", c.Notify)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "config", c, "notify", c.Notify)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	for _, secret := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), "access_token"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown in %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "oapi.dingtalk.com") {
		t.Error("the host is not shown")
	}
}

// FuzzAddresses: whatever is wrong with an address, its error shows no more of it than a host.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{"https://oapi.dingtalk.com/robot/send?access_token=T#secret=S",
		"https://u:p@h.example.com/", "http://[::1]:1/#as=wecom", "https://h:1/p@x", "#",
		"https://h#@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, trouble := address(raw)
		if strings.ContainsAny(a.Host, "/@?#&= \n") || len(a.Host) > 253 {
			t.Errorf("%q is shown as the host of %q", a.Host, raw)
		}
		if trouble == nil && (a.Host == "" || a.URL == "" || a.Form == "") {
			t.Errorf("%q is taken, but as %#v", raw, a)
		}
		if trouble == nil && strings.Contains(a.URL.Reveal(), "#") {
			t.Errorf("the address of %q has a fragment", raw)
		}
	})
}
