# SPDX-License-Identifier: MIT
"""The web servers and the proxy of the table, each with a small configuration of its own."""

from __future__ import annotations

import os

from harness.real_servers.applications import http_server, php_fpm
from harness.real_servers.site import Site, needed

_NGINX = """\
user root;
daemon off;
pid @directory@/pid;
error_log stderr;
worker_processes 1;
events { }
http {
    log_format ids '$request_method $http_x_request_id';
    access_log @log@ ids;
    default_type text/plain;
    keepalive_timeout @milliseconds@ms;
    client_body_temp_path @directory@/body;
    proxy_temp_path @directory@/proxy;
    fastcgi_temp_path @directory@/fastcgi;
    uwsgi_temp_path @directory@/uwsgi;
    scgi_temp_path @directory@/scgi;
    server {
        listen 127.0.0.1:@port@;
        location / { @location@ }
    }
    @more@
}
"""
# `return` alone would not read the body of a request.
_NGINX_BEHIND = """\
    server {
        listen unix:@directory@/behind;
        access_log off;
        location /lookup { return 200 '["$arg_key"]'; }
        location /policy { return 200 DUNNO; }
    }
"""
_NGINX_PHP = """\
        access_log off;
        fastcgi_pass unix:@directory@/fpm;
        fastcgi_param SCRIPT_FILENAME @directory@/app.php;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param REQUEST_URI $request_uri;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
"""

_APACHE = """\
ServerName localhost
Listen 127.0.0.1:@port@
PidFile @directory@/pid
DefaultRuntimeDir @directory@
Mutex posixsem
ErrorLog /dev/stderr
@modules@
@user@
LogFormat "%m %{X-Request-Id}i" ids
CustomLog @log@ ids
KeepAlive On
KeepAliveTimeout @milliseconds@ms
MaxKeepAliveRequests 0
@header@
SetEnvIfExpr "%{QUERY_STRING} =~ /key=([^&]*)/" KEY=$1
DocumentRoot @directory@/documents
<Directory @directory@/documents>
    Require all granted
    Options +Includes
    SetOutputFilter INCLUDES
</Directory>
"""
_APACHE_MODULES = ("authz_core", "headers", "include", "setenvif")
_APACHE_LOOKUP = '["<!--#echo var="KEY" -->"]'

_HAPROXY = """\
defaults
    mode http
    timeout connect 30s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive @milliseconds@ms
frontend front
    bind 127.0.0.1:@port@
    default_backend behind
backend behind
    server behind 127.0.0.1:@inner_port@
"""


def nginx(site: Site, location: str = "", more: str = _NGINX_BEHIND) -> list[list[str]]:
    """Web server nginx, in front of itself."""
    location = location or "proxy_pass http://unix:@directory@/behind;"
    conf = site.write("conf", _NGINX, location=location, more=more)
    return [[str(needed("nginx")), "-e", "stderr", "-p", str(site.directory), "-c", str(conf)]]


def nginx_and_php(site: Site) -> list[list[str]]:
    """The same web server in front of php-fpm, which writes the log."""
    return [*php_fpm(site), *nginx(site, _NGINX_PHP, "")]


def apache(site: Site, model: str = "event") -> list[list[str]]:
    """Apache httpd with a multi-processing module; its documents are server-side includes."""
    program = needed("apache2")
    modules = program.parents[1] / "lib/apache2/modules"
    names = (f"mpm_{model}", *_APACHE_MODULES)
    conf = site.write(
        "conf",
        _APACHE,
        modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in names),
        user="User nobody\nGroup nogroup" if os.geteuid() == 0 else "",
        header="" if site.announces else "Header unset Keep-Alive",
    )
    site.write("documents/lookup", _APACHE_LOOKUP)
    site.write("documents/policy", "DUNNO")
    return [[str(program), "-DFOREGROUND", "-f", str(conf)]]


def apache_prefork(site: Site) -> list[list[str]]:
    """Apache httpd with a process for each connection."""
    return apache(site, "prefork")


def haproxy(site: Site) -> list[list[str]]:
    """HAProxy in front of http.server, which writes the log."""
    conf = site.write("conf", _HAPROXY)
    behind = site._replace(port=site.inner_port, seconds=60)
    return [*http_server(behind), [str(needed("haproxy")), "-db", "-q", "-f", str(conf)]]
