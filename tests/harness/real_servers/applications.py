# SPDX-License-Identifier: MIT
"""The application servers of the table, each with the same small application.

It answers a lookup with the key and a policy request with DUNNO, and writes a line to the log for
each request that it has read as a whole. Those of http.server and Gunicorn do not survive the
attribute queue_id=die: the line is written, and there is no response.
"""

from __future__ import annotations

import importlib.util
import sys

from harness.real_servers.site import MissingError, Site, data, needed

_HTTP_SERVER = """\
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
log = os.open("@log@", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = parse_qs(urlsplit(self.path).query).get("key")
        body = json.dumps(key).encode() if key else b"DUNNO"
        os.write(log, f"{self.command} {self.headers['X-Request-Id']}\\n".encode())
        if b"queue_id=die" in content:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.connection.settimeout(@seconds@)  # `timeout` would hold for the first request as well
    do_POST = do_GET
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size, daemon_threads = 128, True
Server(("127.0.0.1", @port@), Handler).serve_forever()
"""

_WSGI = """\
import json, os, signal
from urllib.parse import parse_qs
log = os.open("@log@", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def app(environ, start):
    content = environ["wsgi.input"].read()
    key = parse_qs(environ["QUERY_STRING"]).get("key")
    body = json.dumps(key).encode() if key else b"DUNNO"
    line = f"{environ['REQUEST_METHOD']} {environ['HTTP_X_REQUEST_ID']}\\n"
    os.write(log, line.encode())
    if b"queue_id=die" in content:
        os.kill(os.getpid(), signal.SIGKILL)
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

_ASGI = """\
import json, os
from urllib.parse import parse_qs
import uvicorn
log = os.open("@log@", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    key = parse_qs(scope["query_string"].decode()).get("key")
    body = json.dumps(key).encode() if key else b"DUNNO"
    identity = dict(scope["headers"])[b"x-request-id"]
    os.write(log, b"%s %s\\n" % (scope["method"].encode(), identity))
    fields = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=@port@, lifespan="off", log_level="critical", timeout_keep_alive=@seconds@)
"""

# With a Connection field of its own, node leaves out the field Keep-Alive. Later versions wait a
# second longer than they announce.
_NODE = """\
const fs = require("fs"), http = require("http");
const server = http.createServer((request, response) => {
    request.resume();
    request.on("end", () => {
        const key = new URL(request.url, "http://localhost").searchParams.get("key");
        fs.appendFileSync("@log@", `${request.method} ${request.headers["x-request-id"]}\\n`);
        if (@silent@) response.setHeader("Connection", "keep-alive");
        response.end(key === null ? "DUNNO" : JSON.stringify([key]));
    });
});
server.keepAliveTimeout = @milliseconds@;
server.keepAliveTimeoutBuffer = 0;
server.listen(@port@, "127.0.0.1");
"""

_PHP = """\
<?php
file_get_contents("php://input");
$line = "$_SERVER[REQUEST_METHOD] $_SERVER[HTTP_X_REQUEST_ID]\\n";
file_put_contents("@log@", $line, FILE_APPEND | LOCK_EX);
echo isset($_GET["key"]) ? json_encode([$_GET["key"]]) : "DUNNO";
"""

_FPM = """\
[global]
error_log = /dev/stderr
log_level = error
daemonize = no
[www]
user = root
group = root
listen = @directory@/fpm
pm = static
pm.max_children = 4
"""

# Unless told otherwise, Tomcat looks for idle connections once a second.
_TOMCAT = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector port="@port@" address="127.0.0.1" keepAliveTimeout="@milliseconds@"
      selectorTimeout="5" socket.timeoutInterval="5"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false"
          deployOnStartup="false">
        <Context path="" docBase="@directory@/documents">
          <JarScanner scanClassPath="false" scanManifest="false"/>
        </Context>
        <Valve className="org.apache.catalina.valves.AccessLogValve" directory="@directory@"
          prefix="log" suffix="" rotatable="false" buffered="false"
          pattern="%m %{X-Request-Id}i"/>
      </Host>
    </Engine>
  </Service>
</Server>
"""
_TOMCAT_APPLICATION = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0" metadata-complete="true">
  <servlet>
    <servlet-name>answer</servlet-name>
    <jsp-file>/answer.jsp</jsp-file>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet>
    <servlet-name>jsp</servlet-name>
    <servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
    <init-param><param-name>development</param-name><param-value>false</param-value></init-param>
    <load-on-startup>0</load-on-startup>
  </servlet>
  <servlet-mapping>
    <servlet-name>answer</servlet-name><url-pattern>/</url-pattern>
  </servlet-mapping>
</web-app>
"""
_TOMCAT_PAGE = """\
<%@ page session="false" trimDirectiveWhitespaces="true" %>
<% String key = request.getParameter("key"); %>
<%= key == null ? "DUNNO" : "[\\"" + key + "\\"]" %>"""


def http_server(site: Site) -> list[list[str]]:
    """Python's http.server, as README.md has it."""
    return [[sys.executable, str(site.write("server.py", _HTTP_SERVER))]]


def _module(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        raise MissingError(f"{sys.executable} has no module {name}")


def gunicorn(site: Site, *options: str) -> list[list[str]]:
    """Gunicorn with threads, which keeps connections for a whole number of seconds."""
    _module("gunicorn")
    site.write("wsgi.py", _WSGI)
    more = options or ("--threads", "20", "--keep-alive", str(round(site.seconds)))
    place = ["--chdir", str(site.directory), "--bind", f"127.0.0.1:{site.port}"]
    # Gunicorn would put a socket for its control below the user's home.
    quiet = ["--log-level", "error", "--no-control-socket"]
    return [[sys.executable, "-m", "gunicorn", *place, *quiet, *more, "wsgi:app"]]


def gunicorn_sync(site: Site) -> list[list[str]]:
    """Gunicorn as it is without options: it closes each connection."""
    return gunicorn(site, "--worker-class", "sync")


def uvicorn(site: Site) -> list[list[str]]:
    """Uvicorn, with the protocol implementation that it brings along."""
    _module("uvicorn")
    return [[sys.executable, str(site.write("asgi.py", _ASGI))]]


def node(site: Site) -> list[list[str]]:
    """Node's http module."""
    silent = "false" if site.announces else "true"
    return [[str(needed("node")), str(site.write("server.js", _NODE, silent=silent))]]


def php(site: Site) -> list[list[str]]:
    """PHP's own server, which closes each connection."""
    place = f"127.0.0.1:{site.port}"
    return [[str(needed("php")), "-n", "-S", place, str(site.write("app.php", _PHP))]]


def php_fpm(site: Site) -> list[list[str]]:
    """PHP behind a web server that speaks FastCGI."""
    site.write("app.php", _PHP)
    conf = site.write("fpm.conf", _FPM)
    return [[str(data("sbin/php-fpm*")[0]), "-R", "-n", "-y", str(conf)]]


def tomcat(site: Site) -> list[list[str]]:
    """Tomcat with a JSP."""
    java = needed("java")
    jars = data("share/java/tomcat1?-catalina.jar", "share/java/eclipse-jdt-core.jar")
    site.write("conf/server.xml", _TOMCAT)
    site.write("documents/WEB-INF/web.xml", _TOMCAT_APPLICATION)
    site.write("documents/answer.jsp", _TOMCAT_PAGE)
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"]
    options += [f"-Dcatalina.base={site.directory}", f"-Djava.io.tmpdir={site.directory}"]
    main = "org.apache.catalina.startup.Tomcat"
    return [[str(java), *options, "-cp", f"{jars[0].parent}/*", main, "--catalina", "start"]]
