package ecs

import (
	"context"
	"fmt"
	"slices"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/function/internal/remedy"
)

const (
	maxListed = 100 // pages that Tagged reads: 10,000 instances
	// instances a call: ECS takes less for as many (ECS API document DescribeInstances, MaxResults)
	fewest = 10
)

// Tagged lists the ids of a region's instances that have the tag, whatever its value, with
// DescribeInstances. An empty list is what a caller without permission gets, too (ECS API document
// DescribeInstances): it is asked for again with DryRun, which tells, and a refusal is Denied.
//
// It is for operators, who can wait: each of its calls, 101 at most, ends within Options.CallLimit,
// and all of it as soon as ctx does. The function never lists a region.
func (c *Client) Tagged(ctx context.Context, region, key string) remedy.Reading[[]string] {
	request := ecs.CreateDescribeInstancesRequest()
	if key == "" { // it would list the whole region
		return unasked[[]string](c, request, "the key of the tag is empty")
	}
	request.MaxResults = requests.NewInteger(maxBatch)
	request.Tag = &[]ecs.DescribeInstancesTag{{Key: key}}
	listed := c.list(ctx, region, request, maxListed)
	if listed.OK() && len(listed.Value) == 0 {
		if refusal := c.mayList(ctx, region); refusal != nil {
			return failed[[]string](request.GetActionName(), listed.At, listed.Date, refusal)
		}
	}
	return listed
}

// Some lists the ids of a few instances of a region, tagged or not: none at all are a sign of the
// wrong region or account.
func (c *Client) Some(ctx context.Context, region string) remedy.Reading[[]string] {
	request := ecs.CreateDescribeInstancesRequest()
	request.MaxResults = requests.NewInteger(fewest)
	return c.list(ctx, region, request, 1)
}

// list reads the ids of an answer's instances, page by page. More than one page where only one is
// wanted are left unread; more than the limit otherwise are a failure, for a part would pass for
// the whole.
func (c *Client) list(ctx context.Context, region string, request *ecs.DescribeInstancesRequest,
	pages int) remedy.Reading[[]string] {
	all := c.read(ctx, region, question{
		request: request, turn: func(token string) { request.NextToken = token },
		list: instanceList, most: pages * maxBatch, pages: pages,
	})
	if all.more && pages > 1 {
		all.trouble = garbled(fmt.Sprintf("more than %d instances", pages*maxBatch))
	}
	var ids []string
	for _, entry := range all.entries {
		var id string
		if understand(entry, member{"InstanceId", text(&id)}) != nil || !isToken(id) {
			all.trouble = unusable("an answer with an instance that has no id")
			break
		}
		ids = append(ids, id)
	}
	listed := reading[[]string](all)
	if all.trouble == nil {
		slices.Sort(ids)
		listed.Value = slices.Compact(ids)
	}
	return listed
}

// mayList asks with DryRun whether the caller may list instances at all; nil: it may.
func (c *Client) mayList(ctx context.Context, region string) *trouble {
	request := ecs.CreateDescribeInstancesRequest()
	request.MaxResults = requests.NewInteger(fewest)
	request.DryRun = requests.NewBoolean(true)
	switch _, t := c.call(ctx, region, request, c.reads()); {
	case t == nil:
		return unusable("an answer to a dry run as if it were none")
	case t.code == dryRunPassed:
		return nil
	default:
		return t
	}
}
