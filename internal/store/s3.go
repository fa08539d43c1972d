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

// s3Opener opens buckets as gocloud's own opener does, but gives up connections that are silent.
type s3Opener struct{ silence time.Duration }

// OpenBucketURL implements blob.BucketURLOpener.
func (o s3Opener) OpenBucketURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
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
			conn, err := (&net.Dialer{Timeout: o.silence}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &talking{conn, o.silence}, nil
		}
	})
	return s3blob.OpenBucket(ctx, s3.New(options), u.Host, &opener.Options)
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
