import Gateway
import PresenceCore
import Testing

@Suite("connect.origins")
struct WebOriginTests {
    @Test(
        "An origin counts as browsers send it",
        arguments: [
            ("https://example.org", "https://example.org"), ("https://example.org/", "https://example.org"),
            ("HTTPS://Example.ORG", "https://example.org"), ("https://example.org:443", "https://example.org"),
            ("http://example.org:80/", "http://example.org"), ("http://example.org:443", "http://example.org:443"),
            ("https://example.org:8443", "https://example.org:8443"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[::1]:8000", "http://[::1]:8000"), ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("http://1.2.3.4.example", "http://1.2.3.4.example"), ("https://0x7f.example", "https://0x7f.example"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ])
    func normalised(_ text: String, _ origin: String) throws {
        #expect(try WebOrigin(text).description == origin)
    }

    @Test(
        "What no browser sends is refused with a sentence",
        arguments: [
            ("*", "left out if pages of all origins may connect"), ("null", "any page can make itself one"),
            ("example.org", "with its scheme"), ("//example.org", "with its scheme"),
            ("://example.org", "with its scheme"),
            ("localhost:8000", "with its scheme"), ("wss://example.org", "the origin of a page"),
            ("https://", "scheme, host"), ("https:///", "scheme, host"), ("https://example.org/app", "without a path"),
            ("https://example.org//", "without a path"), ("https://example.org?a", "without a path"),
            ("https://me@example.org", "login"), ("https://*.example.org", "or *"), ("https://bücher.example", "xn--"),
            ("https://example.org:0", "port"), ("https://example.org:65536", "port"), ("https://example.org:", "port"),
            ("https://example.org:+1", "port"), ("http://[::1", "scheme, host"), ("http://[x]", "scheme, host"),
            ("http://[fe80::1%25eth0]", "scheme, host"), ("http://[::ffff:203.0.113.7]", "scheme, host"),
            ("https://127.1", "in full"), ("http://2130706433", "in full"), ("http://0x7f000001:80", "in full"),
            ("http://127.0.0.1.", "in full"), ("http://127.0.0.01", "in full"), ("http://256.0.0.1", "in full"),
            ("https://example.0xA", "in full"), ("https://example.0x", "in full"),
            ("http://::1", "scheme, host"), ("https://a b", "scheme, host"),
        ])
    func refused(_ text: String, _ sentence: String) throws {
        let error = try #require(throws: InvalidInput.self) { try WebOrigin(text) }
        #expect(error.message.contains(sentence), "\(error.message)")
    }
}
