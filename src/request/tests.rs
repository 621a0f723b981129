//! What a proxy makes of requests: every row was measured on Envoy 1.40.0 with the listener options of
//! istiod.

use rstest::rstest;

use super::*;

fn get() -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        target: "/".to_owned(),
        host: Some("a.com".to_owned()),
        headers: Vec::new(),
        version: HttpVersion::Http11,
    }
}

fn with(headers: &[(&str, &str)]) -> HttpRequest {
    let line = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    HttpRequest { headers: headers.iter().map(line).collect(), ..get() }
}

const SIDECAR: ReceiveContext = ReceiveContext {
    normalization: Normalization::Base,
    edge: None,
    peer: Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3))),
    downstream: Downstream::Plaintext,
    client_certificate: ForwardClientCert::AppendForward,
};

fn gateway(trusted: u32) -> ReceiveContext {
    let client_certificate = ForwardClientCert::SanitizeSet;
    ReceiveContext { edge: Some(trusted), client_certificate, ..SIDECAR }
}

/// The values of a header, joined by ` | `; what is unknown is `?`, and what is absent `-`.
fn values(received: &Received, name: &str) -> String {
    let value = |value| match value {
        Value::Known(value) => value,
        Value::Unknown => "?",
    };
    let values: Vec<_> = received.header(name).map(value).collect();
    if values.is_empty() { "-".to_owned() } else { values.join(" | ") }
}

/// `authority path` of what is accepted, else the status.
fn outcome(request: &HttpRequest, context: &ReceiveContext) -> String {
    match receive(request, context) {
        Ok(received) => format!("{} {}", received.authority, received.path.path_and_query()),
        Err(Refusal { status: Some(status), .. }) => status.to_string(),
        Err(Refusal { status: None, .. }) => "closed".to_owned(),
    }
}

#[rstest]
#[case::lower_case("get", "400")]
#[case::capitalized("Get", "400")]
#[case::unknown("FOO", "400")]
#[case::a_prefix_of_a_known_one("G", "400")]
#[case::of_webdav("PROPFIND", "a.com /")]
#[case::of_upnp_without_its_dash("MSEARCH", "a.com /")]
#[case::of_upnp("M-SEARCH", "400")]
#[case::of_http_2("PRI", "400")]
#[case::a_space_after_it("GET ", "a.com /")]
#[case::a_space_before_it(" GET", "400")]
#[case::query_without_content_type("QUERY", "400")]
#[case::connect_without_port("CONNECT", "400")]
fn a_method_is_known_or_refused(#[case] method: &str, #[case] want: &str) {
    assert_eq!(outcome(&HttpRequest { method: method.to_owned(), ..get() }, &SIDECAR), want);
}

#[rstest]
#[case::empty("", "400")]
#[case::no_slash("a", "400")]
#[case::a_backslash("\\a", "400")]
#[case::a_query_alone("?a", "400")]
#[case::an_asterisk("*", "400")]
#[case::a_space_in_it("/a b", "400")]
#[case::a_space_after_it("/a ", "a.com /a")]
#[case::a_tab_in_it("/a\tb", "400")]
#[case::del("/a\x7f", "400")]
#[case::not_ascii("/é", "400")]
#[case::a_url("http://b.com/x?y#z", "b.com /x?y")]
#[case::a_url_of_https("https://b.com/x", "b.com /x")]
#[case::a_url_in_upper_case("HTTP://B.com/", "B.com /")]
#[case::a_url_with_a_port("http://b.com:080", "b.com:080 /")]
#[case::a_url_with_a_user("http://u:p@b.com/x", "b.com /x")]
#[case::a_url_with_two_users("http://u@v@b.com/x", "400")]
#[case::a_url_without_a_path("http://b.com", "b.com /")]
#[case::a_url_with_a_query_alone("http://b.com?x", "404")]
#[case::a_url_with_a_fragment_alone("http://b.com#x", "400")]
#[case::a_url_without_a_host("http:///x", "400")]
#[case::a_url_with_a_dash("http://b-c/x", "b-c /x")]
#[case::a_url_with_an_underscore("http://b_c/x", "400")]
#[case::a_url_with_an_escape("http://b%2ec/x", "400")]
#[case::a_url_with_an_ipv6_address("http://[::1]:80/x", "[::1]:80 /x")]
#[case::a_url_with_half_an_address("http://[::1/x", "400")]
#[case::a_url_with_no_address("http://[1:2]/x", "400")]
#[case::a_url_with_an_empty_port("http://b.com:/x", "400")]
#[case::a_url_with_no_port("http://b.com:65536/x", "400")]
#[case::a_url_of_another_scheme("ftp://b.com/x", "400")]
fn a_target_is_a_path_or_a_url(#[case] target: &str, #[case] want: &str) {
    assert_eq!(outcome(&HttpRequest { target: target.to_owned(), ..get() }, &SIDECAR), want);
}

#[rstest]
#[case::options("OPTIONS", "*", "404")]
#[case::options_of_anything("OPTIONS", "*x", "404")]
#[case::connect("CONNECT", "a.com:443", "403")]
#[case::connect_without_port("CONNECT", "a.com", "400")]
#[case::connect_to_a_url("CONNECT", "http://a.com:80", "400")]
fn a_method_may_have_a_target_of_its_own(
    #[case] method: &str,
    #[case] target: &str,
    #[case] want: &str,
) {
    let request = HttpRequest { method: method.to_owned(), target: target.to_owned(), ..get() };
    assert_eq!(outcome(&request, &SIDECAR), want);
}

#[rstest]
#[case::space_around_it(" a.com\t", "a.com /")]
#[case::empty("", " /")]
#[case::a_port_alone(":8080", ":8080 /")]
#[case::no_port("a.com:x:y", "a.com:x:y /")]
#[case::no_address("x[::_1]:", "x[::_1]: /")]
#[case::a_user("u@a.com", "u@a.com /")]
#[case::an_escape("a%00", "a%00 /")]
#[case::a_list("a,b;c=d", "a,b;c=d /")]
#[case::a_carriage_return("a\rb", "ab /")]
#[case::a_slash("a.com/", "400")]
#[case::a_backslash("a\\b", "400")]
#[case::a_space("a b", "400")]
#[case::a_quote("\"a\"", "400")]
#[case::a_fragment("a#", "400")]
#[case::not_ascii("é", "400")]
#[case::a_line_feed("a\nb", "400")]
fn a_host_holds_the_characters_of_an_authority_in_any_order(
    #[case] host: &str,
    #[case] want: &str,
) {
    assert_eq!(outcome(&HttpRequest { host: Some(host.to_owned()), ..get() }, &SIDECAR), want);
}

#[test]
fn every_request_says_its_host() {
    let hostless = HttpRequest { host: None, ..get() };
    assert_eq!(outcome(&hostless, &SIDECAR), "400");
    let url = HttpRequest { target: "http://b.com".to_owned(), ..hostless };
    assert_eq!(outcome(&url, &SIDECAR), "b.com /");
}

#[test]
fn several_host_lines_are_a_list() {
    assert_eq!(outcome(&with(&[("Host", ""), ("host", "b.com")]), &SIDECAR), "a.com,b.com /");
}

#[test]
fn http_1_0_is_refused_after_what_no_parser_reads() {
    let old = HttpRequest { version: HttpVersion::Http10, ..get() };
    assert_eq!(outcome(&old, &SIDECAR), "426");
    let nul = HttpRequest { target: "/%00".to_owned(), ..old.clone() };
    assert_eq!(outcome(&nul, &SIDECAR), "426");
    let relative = HttpRequest { target: "a".to_owned(), ..old };
    assert_eq!(outcome(&relative, &SIDECAR), "400");
}

#[rstest]
#[case::a_space_before_the_colon(("x-a ", "v"), "400")]
#[case::a_space_in_it(("x a", "v"), "400")]
#[case::no_name(("", "v"), "400")]
#[case::a_pseudo_header((":path", "/b"), "400")]
#[case::parentheses(("x(", "v"), "400")]
#[case::an_underscore(("x_a", "v"), "a.com /")]
#[case::nul(("x-a", "a\0"), "400")]
#[case::del(("x-a", "a\x7f"), "400")]
#[case::form_feed(("x-a", "\x0c"), "400")]
#[case::utf_8(("x-a", "é"), "a.com /")]
#[case::content_length(("content-length", " 007 "), "a.com /")]
#[case::content_length_with_a_sign(("content-length", "+7"), "400")]
#[case::content_length_beyond_64_bits(("content-length", "18446744073709551616"), "400")]
#[case::chunked(("transfer-encoding", "Chunked"), "a.com /")]
#[case::another_coding(("transfer-encoding", "gzip"), "501")]
fn a_header_line_is_valid_or_refused(#[case] line: (&str, &str), #[case] want: &str) {
    assert_eq!(outcome(&with(&[line]), &SIDECAR), want);
}

#[rstest]
#[case::two_lengths(&[("content-length", "0"), ("content-length", "0")], "400")]
#[case::length_and_coding(&[("content-length", "0"), ("transfer-encoding", "chunked")], "400")]
#[case::two_codings(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], "501")]
#[case::a_hundred_headers_with_host(&[("x-a", "v"); 99], "a.com /")]
#[case::one_more(&[("x-a", "v"); 100], "431")]
#[case::a_single_slot_counts_once(&[("user-agent", "v"); 100], "a.com /")]
fn header_lines_are_counted(#[case] lines: &[(&str, &str)], #[case] want: &str) {
    assert_eq!(outcome(&with(lines), &SIDECAR), want);
}

#[test]
fn sixty_kibibytes_are_enough() {
    let rest = "GET / HTTP/1.1\r\nhost: a.com\r\nx-a: \r\n\r\n".len();
    let value = |spare: usize| "v".repeat(60 * 1024 - rest + spare);
    assert_eq!(outcome(&with(&[("x-a", &value(0))]), &SIDECAR), "a.com /");
    assert_eq!(outcome(&with(&[("x-a", &value(1))]), &SIDECAR), "431");
}

#[rstest]
#[case::each_line_is_a_value(&[("x-a", "v"), ("X-A", "w")], "x-a", "v | w")]
#[case::a_value_is_trimmed(&[("x-a", " \tv w\t ")], "x-a", "v w")]
#[case::carriage_returns_go_first(&[("x-a", "\r v\rw ")], "x-a", "vw")]
#[case::an_empty_one_is_a_value(&[("x-a", "v"), ("x-a", "")], "x-a", "v | ")]
#[case::cookies_are_no_single_slot(&[("cookie", "a=1"), ("cookie", "b=2")], "cookie", "a=1 | b=2")]
#[case::a_single_slot_is_joined(&[("user-agent", "v"), ("User-Agent", "w")], "user-agent", "v,w")]
#[case::an_empty_repeat_adds_no_comma(&[("accept", "v"), ("accept", "")], "accept", "v")]
#[case::nor_does_an_empty_first(&[("accept", ""), ("accept", "v")], "accept", "v")]
#[case::host_is_the_authority(&[], "host", "a.com")]
#[case::the_authority_is_itself(&[], ":authority", "a.com")]
#[case::no_header_is_a_pseudo_header(&[], ":status", "-")]
#[case::a_request_id_is_added(&[], "x-request-id", "?")]
#[case::a_request_id_is_kept(&[("x-request-id", "v")], "x-request-id", "v")]
#[case::an_empty_request_id_is_not(&[("x-request-id", "")], "x-request-id", "?")]
#[case::the_protocol_is_added(&[], "x-forwarded-proto", "http")]
#[case::the_protocol_is_kept(&[("x-forwarded-proto", "")], "x-forwarded-proto", "")]
#[case::a_certificate_is_not_believed(&[("x-forwarded-client-cert", "v")], "x-forwarded-client-cert", "-")]
#[case::nor_is_what_steers_the_proxy(&[("x-envoy-retry-on", "v")], "x-envoy-retry-on", "-")]
#[case::nor_that_one_is_internal(&[("x-envoy-internal", "true")], "x-envoy-internal", "-")]
#[case::an_external_address_is(&[("x-envoy-external-address", "v")], "x-envoy-external-address", "v")]
#[case::and_any_other_of_envoys_names(&[("x-envoy-v", "v")], "x-envoy-v", "v")]
#[case::expect_stays(&[("expect", "100-continue")], "expect", "100-continue")]
#[case::connection_goes(&[("connection", "close")], "connection", "-")]
#[case::keep_alive_goes(&[("keep-alive", "v")], "keep-alive", "-")]
#[case::proxy_connection_goes(&[("proxy-connection", "v")], "proxy-connection", "-")]
#[case::transfer_encoding_goes(&[("transfer-encoding", "chunked")], "transfer-encoding", "-")]
#[case::what_connection_lists_goes(&[("connection", "close, X-A"), ("x-a", "v")], "x-a", "-")]
#[case::te_goes(&[("te", "gzip")], "te", "-")]
#[case::but_for_trailers(&[("te", "gzip, trailers")], "te", "trailers")]
#[case::in_lower_case(&[("te", "Trailers")], "te", "-")]
#[case::or_in_any_if_connection_lists_it(&[("te", "Trailers"), ("connection", "te")], "te", "trailers")]
#[case::an_empty_te_stays(&[("te", "")], "te", "")]
#[case::upgrade_alone_goes(&[("upgrade", "websocket")], "upgrade", "-")]
#[case::an_upgrade_stays(&[("upgrade", "WebSocket"), ("connection", "a, Upgrade")], "upgrade", "WebSocket")]
#[case::with_its_connection(&[("upgrade", "websocket"), ("connection", "a, Upgrade")], "connection", "a, Upgrade")]
#[case::and_what_that_lists(&[("upgrade", "websocket"), ("connection", "upgrade, a"), ("a", "v")], "a", "v")]
#[case::an_upgrade_to_http_2_goes(&[("upgrade", "h2c"), ("connection", "upgrade")], "upgrade", "-")]
#[case::with_its_settings(&[("upgrade", "h2c"), ("connection", "upgrade"), ("http2-settings", "v")], "http2-settings", "-")]
#[case::which_stay_otherwise(&[("connection", "http2-settings"), ("http2-settings", "v")], "http2-settings", "v")]
fn a_sidecar_shows_a_policy_these_values(
    #[case] lines: &[(&str, &str)],
    #[case] name: &str,
    #[case] want: &str,
) {
    assert_eq!(values(&receive(&with(lines), &SIDECAR).unwrap(), name), want);
}

#[rstest]
#[case::host("host", "400")]
#[case::a_pseudo_header(":x", "400")]
#[case::where_it_comes_from("x, X-Forwarded-For", "400")]
#[case::ten_names("a,b,c,d,e,f,g,h,i,j", "400")]
#[case::nine_names("a,b,,c,d,e,f,g,h,i", "a.com /")]
fn connection_may_not_list_everything(#[case] connection: &str, #[case] want: &str) {
    assert_eq!(outcome(&with(&[("connection", connection)]), &SIDECAR), want);
}

#[test]
fn a_te_that_connection_lists_is_short() {
    let te = |length| with(&[("connection", "te"), ("te", &"x".repeat(length))]);
    assert_eq!(outcome(&te(255), &SIDECAR), "a.com /");
    assert_eq!(outcome(&te(256), &SIDECAR), "400");
}

#[rstest]
#[case::web_socket("WEBSOCKET", "a.com /")]
#[case::http_2("H2C", "a.com /")]
#[case::another("foo", "403")]
#[case::nothing("", "403")]
#[case::a_choice("h2c,websocket", "403")]
fn only_an_upgrade_to_web_socket_is_enabled(#[case] protocol: &str, #[case] want: &str) {
    let request = with(&[("connection", "upgrade"), ("upgrade", protocol)]);
    assert_eq!(outcome(&request, &SIDECAR), want);
}

#[rstest]
#[case::the_peer_is_added(0, &[], "x-forwarded-for", "10.1.2.3")]
#[case::to_what_there_is(0, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")], "x-forwarded-for", "1.1.1.1,2.2.2.2,10.1.2.3")]
#[case::without_a_comma_if_that_is_nothing(0, &[("x-forwarded-for", "")], "x-forwarded-for", "10.1.2.3")]
#[case::the_address_is_added(0, &[("x-envoy-external-address", "v")], "x-envoy-external-address", "10.1.2.3")]
#[case::it_may_be_a_proxys_word(1, &[("x-forwarded-for", "2001:DB8::1")], "x-envoy-external-address", "2001:db8::1")]
#[case::in_the_proxys_writing(1, &[("x-forwarded-for", "::1.2.3.4")], "x-envoy-external-address", "::1.2.3.4")]
#[case::without_needless_dots(1, &[("x-forwarded-for", "::5")], "x-envoy-external-address", "::5")]
#[case::a_request_id_is_not_kept(0, &[("x-request-id", "v")], "x-request-id", "?")]
#[case::the_protocol_is_not_kept(0, &[("x-forwarded-proto", "https")], "x-forwarded-proto", "http")]
#[case::but_a_trusted_proxys(1, &[("x-forwarded-proto", "https")], "x-forwarded-proto", "https")]
#[case::which_is_the_scheme(1, &[("x-forwarded-proto", "HTTPS")], ":scheme", "https")]
#[case::where_it_is_one(1, &[("x-forwarded-proto", "wss")], ":scheme", "http")]
#[case::an_original_path_is_not_believed(0, &[("x-envoy-original-path", "/")], "x-envoy-original-path", "-")]
fn a_gateway_shows_a_policy_these_values(
    #[case] trusted: u32,
    #[case] lines: &[(&str, &str)],
    #[case] name: &str,
    #[case] want: &str,
) {
    assert_eq!(values(&receive(&with(lines), &gateway(trusted)).unwrap(), name), want);
}

#[test]
fn a_gateway_says_its_own_address_for_a_local_peer() {
    let local = ReceiveContext { peer: Some("127.0.0.1".parse().unwrap()), ..gateway(0) };
    assert_eq!(values(&receive(&get(), &local).unwrap(), "x-forwarded-for"), "?");
}

#[test]
fn a_gateway_that_trusts_no_proxy_refuses_an_https_url_on_plaintext() {
    let https = HttpRequest { target: "https://a.com/".to_owned(), ..get() };
    assert_eq!(outcome(&https, &gateway(0)), "403");
    assert_eq!(outcome(&https, &gateway(1)), "a.com /");
    let tls = ReceiveContext { downstream: Downstream::Tls, ..gateway(0) };
    assert_eq!(outcome(&https, &tls), "a.com /");
}

#[rstest]
#[case::plaintext(Downstream::Plaintext, "http", "-")]
#[case::tls(Downstream::Tls, "https", "-")]
#[case::mutual_tls(Downstream::MutualTls, "https", "?")]
fn the_connection_says_scheme_and_certificate(
    #[case] downstream: Downstream,
    #[case] scheme: &str,
    #[case] certificate: &str,
) {
    for context in [SIDECAR, gateway(0)] {
        let context = ReceiveContext { downstream, ..context };
        let received = receive(&with(&[("x-forwarded-client-cert", "v")]), &context).unwrap();
        assert_eq!(values(&received, ":scheme"), scheme);
        assert_eq!(values(&received, "x-forwarded-proto"), scheme);
        assert_eq!(values(&received, "x-forwarded-client-cert"), certificate);
    }
}

// [RT-33] Over plaintext, over TLS without a certificate, and over mutual TLS.
#[rstest]
#[case(ForwardClientCert::AlwaysForwardOnly, ["v", "v", "v"])]
#[case(ForwardClientCert::AppendForward, ["-", "-", "?"])]
#[case(ForwardClientCert::ForwardOnly, ["-", "-", "v"])]
#[case(ForwardClientCert::Sanitize, ["-", "-", "-"])]
#[case(ForwardClientCert::SanitizeSet, ["-", "-", "?"])]
fn the_header_of_a_client_certificate(
    #[case] client_certificate: ForwardClientCert,
    #[case] want: [&str; 3],
) {
    let downstreams = [Downstream::Plaintext, Downstream::Tls, Downstream::MutualTls];
    let got = downstreams.map(|downstream| {
        let context = ReceiveContext { downstream, client_certificate, ..SIDECAR };
        let received = receive(&with(&[("x-forwarded-client-cert", "v")]), &context).unwrap();
        values(&received, "x-forwarded-client-cert")
    });
    assert_eq!(got, want);
}

const PEER: &str = "10.1.2.3";

/// As a sidecar, and as a gateway that trusts one proxy and two, tell it.
#[rstest]
#[case::none("", [PEER, PEER, PEER])]
#[case::one(" 1.1.1.1\t", ["1.1.1.1", "1.1.1.1", PEER])]
#[case::two("1.1.1.1, 2.2.2.2", ["2.2.2.2", "2.2.2.2", "1.1.1.1"])]
#[case::three("1.1.1.1,2.2.2.2,3.3.3.3", ["3.3.3.3", "3.3.3.3", "2.2.2.2"])]
#[case::junk_last("1.1.1.1,junk", [PEER, PEER, "1.1.1.1"])]
#[case::junk_first("junk,1.1.1.1", ["1.1.1.1", "1.1.1.1", PEER])]
#[case::a_comma_last("1.1.1.1,", [PEER, PEER, "1.1.1.1"])]
#[case::two_commas("1.1.1.1,,2.2.2.2", ["2.2.2.2", "2.2.2.2", PEER])]
#[case::a_port("1.1.1.1:80", [PEER, PEER, PEER])]
#[case::brackets("[2001:db8::1]", [PEER, PEER, PEER])]
#[case::a_leading_zero("01.1.1.1", [PEER, PEER, PEER])]
#[case::mapped("::ffff:1.1.1.1", ["::ffff:1.1.1.1", "::ffff:1.1.1.1", PEER])]
#[case::not_short("2001:0DB8:0:0:0:0:0:1", ["2001:db8::1", "2001:db8::1", PEER])]
fn the_remote_address_is_an_entry_or_the_peer(#[case] list: &str, #[case] want: [&str; 3]) {
    let request = with(&[("x-forwarded-for", list)]);
    let address = |context| {
        receive(&request, &context)
            .unwrap()
            .remote_address()
            .unwrap()
    };
    let got = [SIDECAR, gateway(1), gateway(2)].map(address);
    assert_eq!(got, want.map(|address| address.parse::<IpAddr>().unwrap()));
    assert_eq!(Some(address(gateway(0))), SIDECAR.peer);
}

// A name is an address only where the proxy has such an interface, and none was measured; a number is left open.
#[rstest]
#[case::by_name("fe80::1%eth0", Some(PEER))]
#[case::by_number("fe80::1%1", None)]
fn an_address_with_a_zone_is_none_or_for_the_proxy_to_tell(
    #[case] list: &str,
    #[case] want: Option<&str>,
) {
    let received = receive(&with(&[("x-forwarded-for", list)]), &SIDECAR).unwrap();
    assert_eq!(received.remote_address(), want.map(|address| address.parse().unwrap()));
}

fn http_2(method: &str, path: &str, authority: &str, headers: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        target: path.to_owned(),
        host: Some(authority.to_owned()),
        version: HttpVersion::Http2,
        ..with(headers)
    }
}

#[rstest]
#[case::any_method("get", "/", "a", &[], "a /")]
#[case::that_is_a_token("a/b", "/", "a", &[], "closed")]
#[case::query_without_content_type("QUERY", "/", "a", &[], "400")]
#[case::not_ascii("GET", "/é", "a", &[], "a /%C3%A9")]
#[case::a_space("GET", "/a b", "a", &[], "closed")]
#[case::del("GET", "/\x7f", "a", &[], "closed")]
#[case::nul("GET", "/%00", "a", &[], "400")]
#[case::a_url("GET", "http://a/", "a", &[], "closed")]
#[case::an_asterisk("OPTIONS", "*", "a", &[], "404")]
#[case::an_asterisk_of_another("GET", "*", "a", &[], "closed")]
#[case::connect("CONNECT", "", "a:80", &[], "403")]
#[case::no_authority("GET", "/", "", &[], "closed")]
#[case::a_user("GET", "/", "u@a", &[], "closed")]
#[case::host_is_dropped("GET", "/", "a", &[("host", "b")], "a /")]
#[case::but_checked("GET", "/", "a", &[("host", "b/")], "closed")]
#[case::two_hosts("GET", "/", "a", &[("host", "b"), ("host", "b")], "closed")]
#[case::upper_case("GET", "/", "a", &[("X-A", "v")], "closed")]
#[case::connection("GET", "/", "a", &[("connection", "close")], "closed")]
#[case::te("GET", "/", "a", &[("te", "gzip")], "closed")]
#[case::two_lengths("GET", "/", "a", &[("content-length", "0"), ("content-length", "0")], "closed")]
#[case::a_hundred_headers_with_four_of_its_own("GET", "/", "a", &[("x-a", "v"); 96], "a /")]
#[case::one_more("GET", "/", "a", &[("x-a", "v"); 97], "closed")]
#[case::each_cookie_counts("GET", "/", "a", &[("cookie", "v"); 97], "closed")]
#[case::a_single_slot_counts_once("GET", "/", "a", &[("via", "v"); 97], "a /")]
fn http_2_has_its_own_rules(
    #[case] method: &str,
    #[case] path: &str,
    #[case] authority: &str,
    #[case] headers: &[(&str, &str)],
    #[case] want: &str,
) {
    assert_eq!(outcome(&http_2(method, path, authority, headers), &SIDECAR), want);
}

#[rstest]
#[case::cookies_are_one(&[("cookie", "a=1"), ("x-a", "v"), ("cookie", "b=2")], "cookie", "a=1; b=2")]
#[case::without_an_empty_first(&[("cookie", ""), ("cookie", "b=2")], "cookie", "b=2")]
#[case::but_with_an_empty_last(&[("cookie", "a=1"), ("cookie", "")], "cookie", "a=1; ")]
#[case::a_value_is_not_trimmed(&[("x-a", " v")], "x-a", " v")]
#[case::a_single_slot_is_joined(&[("via", "v"), ("via", "w")], "via", "v,w")]
#[case::trailers(&[("te", "trailers")], "te", "trailers")]
#[case::in_lower_case(&[("te", "Trailers")], "te", "-")]
#[case::the_client_names_the_scheme(&[], ":scheme", "?")]
fn over_http_2_a_policy_sees_these_values(
    #[case] headers: &[(&str, &str)],
    #[case] name: &str,
    #[case] want: &str,
) {
    let request = http_2("GET", "/", "a", headers);
    assert_eq!(values(&receive(&request, &SIDECAR).unwrap(), name), want);
}

#[test]
fn over_http_2_host_stands_in_for_an_authority() {
    let request = HttpRequest { host: None, ..http_2("GET", "/", "", &[("host", "b")]) };
    assert_eq!(outcome(&request, &SIDECAR), "b /");
}
