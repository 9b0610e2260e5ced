package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/function/internal/remedy"
)

const (
	maxListed = 100 // pages that Tagged reads: 10,000 instances
	fewest    = 10  // instances a call: ECS takes less for as many (ECS API document DescribeInstances, MaxResults)
)

// Tagged lists the ids of a region's instances that have the tag, whatever its value, with DescribeInstances. An empty list
// is what a caller without permission gets, too (ECS API document DescribeInstances): it is asked for again with DryRun, which
// tells, and a refusal is Denied.
//
// It is for operators. The function never lists a region.
func (c *Client) Tagged(ctx context.Context, region, key string) remedy.Reading[[]string] {
	if key == "" { // it would list the whole region
		return remedy.Reading[[]string]{At: c.now(), Failure: remedy.FailureUnreadable, Note: "the key of the tag is empty"}
	}
	request := ecs.CreateDescribeInstancesRequest()
	request.MaxResults = requests.NewInteger(maxBatch)
	request.Tag = &[]ecs.DescribeInstancesTag{{Key: key}}
	reading := c.list(ctx, region, request, maxListed)
	if reading.OK() && len(reading.Value) == 0 {
		if refusal := c.mayList(ctx, region); refusal != nil {
			reading.Failure, reading.Note = refusal.class().failure, refusal.note(request.GetActionName())
		}
	}
	return reading
}

// Some lists the ids of a few instances of a region, tagged or not: none at all are a sign of the wrong region or account.
func (c *Client) Some(ctx context.Context, region string) remedy.Reading[[]string] {
	request := ecs.CreateDescribeInstancesRequest()
	request.MaxResults = requests.NewInteger(fewest)
	return c.list(ctx, region, request, 1)
}

// list reads the ids of an answer's instances, page by page. More than one page where only one is wanted are left unread; more
// than the limit otherwise are a failure, for a part would pass for the whole.
func (c *Client) list(ctx context.Context, region string, request *ecs.DescribeInstancesRequest,
	pages int) remedy.Reading[[]string] {
	all := answers{action: request.GetActionName()}
	var ids []string
	for range pages {
		answer, trouble := c.call(ctx, region, request, c.reads(), func(api *ecs.Client) (response, error) {
			return api.DescribeInstances(request)
		})
		all.at, all.date = c.now(), answer.date
		var head page
		var entries []json.RawMessage
		if trouble == nil {
			head, entries, trouble = decode(answer.body, instanceEntries)
		}
		for _, entry := range entries {
			var e struct {
				InstanceID string `json:"InstanceId"`
			}
			if json.Unmarshal(entry, &e) != nil || !isToken(e.InstanceID) {
				trouble = &unlisted
			}
			ids = append(ids, e.InstanceID)
		}
		if all.trouble = trouble; trouble != nil {
			return readingOf[[]string](all)
		}
		if request.NextToken = head.NextToken; head.NextToken == "" || pages == 1 {
			slices.Sort(ids)
			reading := readingOf[[]string](all)
			reading.Value = slices.Compact(ids)
			return reading
		}
	}
	return remedy.Reading[[]string]{At: all.at, Date: all.date, Failure: remedy.FailureUnreadable,
		Note: fmt.Sprintf("DescribeInstances: more than %d instances", pages*maxBatch)}
}

// unlisted is an entry of a list that cannot be asked about.
var unlisted = trouble{sent: true, text: "an answer with an instance that has no id"}

// mayList asks with DryRun whether the caller may list instances at all; nil: it may.
func (c *Client) mayList(ctx context.Context, region string) *trouble {
	request := ecs.CreateDescribeInstancesRequest()
	request.MaxResults = requests.NewInteger(fewest)
	request.DryRun = requests.NewBoolean(true)
	switch _, t := c.call(ctx, region, request, c.reads(), func(api *ecs.Client) (response, error) {
		return api.DescribeInstances(request)
	}); {
	case t == nil:
		return &trouble{sent: true, text: "an answer to a dry run as if it were none"}
	case t.code == dryRunPassed:
		return nil
	default:
		return t
	}
}
