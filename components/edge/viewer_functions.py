"""What CloudFront runs for each request before it looks into its cache: JavaScript of CloudFront Functions, as text."""

from __future__ import annotations

from collections.abc import Mapping

from components.edge.waf_rules import VIEWER_ADDRESS

SITE_PAGES, API_VIEWER = "site-pages", "api-viewer"

#: A path without a file's ending is a page of the single-page application, which its one document shows. An error page for 404
#: would do that for the API's answers too: CloudFront has error pages for a distribution and not for a path.
_SITE_PAGES = """
function handler(event) {
  var request = event.request;
  var last = request.uri.substring(request.uri.lastIndexOf("/") + 1);
  if (last.indexOf(".") === -1) {
    request.uri = "/index.html";
  }
  return request;
}
"""

#: The viewer's address for the load balancer's firewall. Whatever the viewer sent under the name is overwritten.
_API_VIEWER = f"""
function handler(event) {{
  event.request.headers["{VIEWER_ADDRESS}"] = {{ value: event.viewer.ip }};
  return event.request;
}}
"""

#: Role of the function → what it is for, and its code.
FUNCTIONS: Mapping[str, tuple[str, str]] = {
    SITE_PAGES: ("Pages of the site without a file of their own are index.html", _SITE_PAGES),
    API_VIEWER: ("The viewer's address for the load balancer's firewall", _API_VIEWER),
}
