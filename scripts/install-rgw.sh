#!/bin/sh
# Installs the S3 server that the tests marked "s3" run against: Ceph's RADOS Gateway (280 MB; Debian or Ubuntu, as root).
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common
