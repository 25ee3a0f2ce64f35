import PresenceCore
import Testing

@Suite("What a change was caused by")
struct CauseTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    @Test(
        "A request's name is 1 to 64 letters, digits, dots, underscores and dashes",
        arguments: [
            "a", "7", "A-b_c.9", String(repeating: "x", count: 64), "8f14e45f-ceea-467f-a0e6-0d8e6a1c4b2f",
        ])
    func name(_ text: String) { #expect(RequestID(text)?.description == text) }

    @Test(
        "Nothing else is one",
        arguments: [
            "", " ", "a b", "a\r\nX: y", "a\u{0}", "é", "a/b", "a,b", "\"a\"", "a;b", String(repeating: "x", count: 65),
            "\u{301}",
        ])
    func noName(_ text: String) { #expect(RequestID(text) == nil) }

    @Test("Names that are made are names, and never the same")
    func made() {
        let names = (0..<1_000).map { _ in RequestID.random().description }
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { RequestID($0) != nil && $0.utf8.count == 16 })
    }

    @Test("A traceparent is taken as W3C Trace Context has it")
    func traceParent() {
        for flags in ["00", "01", "ff"] {
            let text = "00-\(Self.trace)-\(Self.span)-\(flags)"
            #expect(TraceParent(text)?.description == text)
        }
    }

    @Test("One of a version to come is taken for what ours has of it")
    func later() {
        let ours = "\(Self.trace)-\(Self.span)"
        #expect(TraceParent("01-\(ours)-01")?.description == "00-\(ours)-01")
        #expect(TraceParent("cc-\(ours)-0a-what-else")?.description == "00-\(ours)-00")
        #expect(TraceParent("fe-\(ours)-ff-")?.description == "00-\(ours)-01")
        #expect(TraceParent("01-\(ours)-01x") == nil)
    }

    @Test(
        "Any other text is none",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-011",
            "00-\(trace)-\(span)-01-",
            "00-\(trace)-\(span)-01-x", "ff-\(trace)-\(span)-01", "0-\(trace)-\(span)-010", "00_\(trace)-\(span)-01",
            "00-\(trace)-\(span)-0G", "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span)-0A",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            " 00-\(trace)-\(span)-01",
            "00-\(trace)-\(span)-01 ", "00-\(trace.dropLast())é-\(span)-01", "00-\(trace)-\(span)-01\r\nX: y",
        ])
    func noTraceParent(_ text: String) { #expect(TraceParent(text) == nil) }

    @Test("Of nothing known there is no cause")
    func none() {
        #expect(Cause(request: nil, trace: nil) == nil)
        #expect(Cause(request: RequestID("a"), trace: nil)?.request?.description == "a")
    }
}
