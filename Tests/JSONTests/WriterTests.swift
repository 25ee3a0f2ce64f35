import JSON
import NIOCore
import Testing

@Suite("Values are written as they are, members in the order given")
struct WriterTests {
    @Test("Objects, arrays, and members left out")
    func structure() {
        var json = JSONWriter()
        json.object {
            $0.member("b", 1)
            $0.member("a", ["x", "y"])
            $0.member("none", ifPresent: Int?.none)
            $0.member("null", Bool?.none)
            $0.member("o") { $0.member("t", true) }
            $0.member("e") { _ in }
            $0.member("d", ["z": 1, "y": 2])
            $0.member("n", [[Int]]())
        }
        #expect(
            String(buffer: json.buffer)
                == #"{"b":1,"a":["x","y"],"null":null,"o":{"t":true},"e":{},"d":{"y":2,"z":1},"n":[]}"#)
    }

    @Test(
        "Numbers are whole where they are whole",
        arguments: [
            (60.0, "60"), (1.5, "1.5"), (-0.001, "-0.001"), (1e300, "1e+300"), (0.1 + 0.2, "0.30000000000000004"),
        ])
    func doubles(_ number: Double, text: String) {
        #expect(String(buffer: number.json) == text)
    }

    @Test("Quotes, backslashes and control characters are escaped, nothing else")
    func strings() {
        #expect(String(buffer: "a\"\\/\n\u{1F}\u{7F}é\u{2028}😀".json) == #""a\"\\/\u000a\u001f"# + "\u{7F}é\u{2028}😀\"")
    }
}
