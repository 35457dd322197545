package cloud
import (
	_ "github.com/pkg/sftp"
	_ "github.com/rclone/gofakes3"
	_ "golang.org/x/net/webdav"
	_ "golang.org/x/crypto/ssh"
	_ "golang.org/x/oauth2"
	_ "golang.org/x/time/rate"
	_ "google.golang.org/api/drive/v3"
	_ "google.golang.org/api/option"
	_ "google.golang.org/api/googleapi"
	_ "github.com/rclone/gofakes3/s3mem"
)
