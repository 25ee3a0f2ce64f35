import PresenceCore
import Testing

@Suite("A client's address is one value, however a proxy spells it")
struct NetworkAddressTests {
    private static let ipv6 = "2001:db8::7"
    private static let ipv4 = "203.0.113.7"

    @Test(
        "An address has one spelling",
        arguments: [
            (ipv4, ipv4), (ipv6, ipv6), ("2001:0DB8:0:0::0007", ipv6), ("::ffff:203.0.113.7", ipv4),
            ("::FFFF:cb00:7107", ipv4), ("0:0:0:0:0:ffff:203.0.113.7", ipv4), ("::1", "::1"), ("::", "::"),
            ("fe80::7%eth0", "fe80::7"), ("fe80::7%25eth0", "fe80::7"), ("fe80::7%1", "fe80::7"),
        ])
    func spellings(_ text: String, _ canonical: String) {
        #expect(NetworkAddress(text)?.description == canonical)
        #expect(NetworkAddress(text) == NetworkAddress(canonical))
    }

    @Test(
        "What is no address is none",
        arguments: [
            "", " ", "unknown", "_hidden", "localhost", "203.0.113", "203.0.113.7.8", "203.0.113.256", "203.0.113.07",
            "0xcb.0.113.7", "3405803783", "203.0.113.7 ", " 203.0.113.7", "203.0.113.7\u{0}", "203.0.113.7\n",
            "２03.0.113.7",
            "2001:db8", "2001:db8::7::1", "1:2:3:4:5:6:7:8:9", "2001:db8::g", "[2001:db8::7]", "fe80::7%", "%eth0",
            "203.0.113.7%eth0", "203.0.113.7/24", "203.0.113.7:80",
        ])
    func none(_ text: String) {
        #expect(NetworkAddress(text) == nil)
    }

    @Test("Of IPv6 a network of 64 bits counts as one address, of IPv4 each address; what is none is itself")
    func networks() {
        #expect(NetworkAddress.network(of: "2001:db8:0:1:ffff::2") == "2001:db8:0:1::/64")
        #expect(NetworkAddress.network(of: "2001:db8::1") == NetworkAddress.network(of: "2001:DB8:0:0:8000::"))
        #expect(NetworkAddress.network(of: "2001:db8::1") != NetworkAddress.network(of: "2001:db8:0:1::1"))
        #expect(NetworkAddress.network(of: "::ffff:203.0.113.7") == Self.ipv4)
        #expect(NetworkAddress.network(of: "203.0.113.8") != Self.ipv4)
        #expect(NetworkAddress.network(of: "") == "")
    }

    @Test(
        "Of X-Forwarded-For the last element counts, without what is around the address",
        arguments: [
            (["203.0.113.7"], ipv4), (["203.0.113.7:50123"], ipv4), (["203.0.113.7:1"], ipv4),
            (["2001:db8::7"], ipv6), (["[2001:db8::7]"], ipv6), (["[2001:db8::7]:443"], ipv6),
            (["[2001:DB8::7%eth0]:443"], ipv6), (["::ffff:203.0.113.7"], ipv4), (["[::ffff:203.0.113.7]:443"], ipv4),
            (["\"203.0.113.7\""], ipv4), (["\"[2001:db8::7]:443\""], ipv6), (["  203.0.113.7\t"], ipv4),
            (["198.51.100.9, 203.0.113.7"], ipv4), (["198.51.100.9,203.0.113.7"], ipv4),
            (["unknown, 203.0.113.7:50123"], ipv4), (["203.0.113.7,"], ipv4), (["203.0.113.7 , ,, "], ipv4),
            ([",203.0.113.7"], ipv4), (["198.51.100.9", "203.0.113.7"], ipv4),
            (["198.51.100.9, 192.0.2.1", "203.0.113.7"], ipv4),
            (["203.0.113.7", ""], ipv4), (["203.0.113.7", " , "], ipv4),
            // The client's end never joins what the proxy adds: a quote left open, a character that takes a comma along.
            (["\"198.51.100.9, 203.0.113.7"], ipv4), (["\\, 203.0.113.7"], ipv4), (["\u{600}, 203.0.113.7"], ipv4),
            (["\u{600},203.0.113.7"], ipv4), (["x,\u{200D}, 203.0.113.7"], ipv4),
        ])
    func forwardedFor(_ lines: [String], _ address: String) {
        for header in ["X-Forwarded-For", "x-forwarded-for", "X-Real-IP"] {
            #expect(NetworkAddress(forwarded: lines, in: header)?.description == address)
        }
    }

    @Test(
        "An element that is no address counts as none, and no earlier one is taken for it",
        arguments: [
            [], [""], [" , ,"], ["unknown"], ["203.0.113.7, unknown"], ["203.0.113.7", "_hidden"], ["203.0.113.7, -"],
            ["203.0.113.7:"], ["203.0.113.7:x"], ["203.0.113.7:123456"], ["203.0.113.7:+1"], ["203.0.113.7:_"],
            ["[2001:db8::7"], ["2001:db8::7]"], ["[2001:db8::7]443"], ["[2001:db8::7]:"], ["[]:443"], ["[]"], ["\""],
            ["\"\""],
            ["203.0.113.7 203.0.113.8"], ["203.0.113.7;"], ["for=203.0.113.7"], ["203.0.113.7\u{301}"],
        ])
    func notForwarded(_ lines: [String]) {
        #expect(NetworkAddress(forwarded: lines, in: "X-Forwarded-For") == nil)
    }

    @Test(
        "Of Forwarded the last element's `for` counts (RFC 7239)",
        arguments: [
            (["for=203.0.113.7"], ipv4), (["For=203.0.113.7"], ipv4), (["FOR=\"203.0.113.7:50123\""], ipv4),
            (["for=203.0.113.7:50123"], ipv4), (["for=\"[2001:db8::7]\""], ipv6), (["for=\"[2001:DB8::7]:443\""], ipv6),
            (["for=\"203.0.113.7:_port-1\""], ipv4), (["for=203.0.113.7;proto=https;by=192.0.2.1"], ipv4),
            (["proto=https ; for=203.0.113.7 ; host=example.org"], ipv4), (["by=192.0.2.1;for=203.0.113.7;"], ipv4),
            (["for=198.51.100.9, for=203.0.113.7"], ipv4), (["for=198.51.100.9,for=unknown", "for=203.0.113.7"], ipv4),
            (["for=203.0.113.7, "], ipv4),
            // What is quoted is no separator, whoever chose it; a host is what the client asked for.
            (["for=203.0.113.7;host=\"a,for=198.51.100.9;b\""], ipv4),
            (["for=203.0.113.7;host=\"a\\\",for=198.51.100.9;x=\\\"\""], ipv4),
            (["for=203.0.113.7;host=\"a\\\\\""], ipv4),
            (["for=\"198.51.100.9, for=203.0.113.7"], ipv4), (["for=\"\\, for=203.0.113.7"], ipv4),
        ])
    func forwarded(_ lines: [String], _ address: String) {
        for header in ["Forwarded", "forwarded", "FORWARDED"] {
            #expect(NetworkAddress(forwarded: lines, in: header)?.description == address)
        }
    }

    @Test(
        "An element of Forwarded without one address counts as none",
        arguments: [
            ["for=unknown"], ["for=_hidden"], ["for=\"_SEVKISEK\""], ["for=203.0.113.7, for=unknown"],
            ["for=203.0.113.7, proto=https"], ["203.0.113.7"], ["for"], ["for="], ["for=\"\""], ["fort=203.0.113.7"],
            ["for=203.0.113.7;for=198.51.100.9"], ["for=203.0.113.7;For=203.0.113.7"], ["by=203.0.113.7"],
            ["for=2001:db8::7:443:x"], ["for =203.0.113.7"],
        ])
    func withoutFor(_ lines: [String]) {
        #expect(NetworkAddress(forwarded: lines, in: "Forwarded") == nil)
    }

    @Test("The longest header costs no more than reading it")
    func long() {
        let line = String(repeating: "\\\",;", count: 20_000)
        #expect(NetworkAddress(forwarded: [line + ", 203.0.113.7"], in: "X-Forwarded-For")?.description == Self.ipv4)
        #expect(NetworkAddress(forwarded: [line + "\""], in: "X-Forwarded-For") == nil)
    }
}
