package store

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// openS3 opens a bucket as gocloud's own opener does, but gives up connections that are silent.
func openS3(ctx context.Context, place string, silence time.Duration) (*blob.Bucket, error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	prefix := query.Get("prefix")
	query.Del("prefix")
	u.RawQuery = query.Encode()
	var opener s3blob.URLOpener
	plain, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var client *s3.Client
	if !plain.As(&client) {
		return nil, fmt.Errorf("the bucket has no S3 client")
	}
	options := client.Options()
	options.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: silence}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &talking{conn, silence}, nil
		}
	})
	objects, err := s3blob.OpenBucket(ctx, s3.New(options), u.Host, &opener.Options)
	if err == nil && prefix != "" {
		objects = blob.PrefixedBucket(objects, prefix)
	}
	return objects, err
}

// talking is a connection that fails when no byte goes either way for a while: its host may have vanished without a word. However
// long a transfer takes, it goes on as long as something moves.
type talking struct {
	net.Conn
	silence time.Duration
}

func (c *talking) Read(p []byte) (int, error) {
	c.heard()
	return c.Conn.Read(p)
}

func (c *talking) Write(p []byte) (int, error) {
	c.heard()
	return c.Conn.Write(p)
}

// heard lets both directions wait anew: an answer is waited for while the request is still being sent.
func (c *talking) heard() { c.SetDeadline(time.Now().Add(c.silence)) }
