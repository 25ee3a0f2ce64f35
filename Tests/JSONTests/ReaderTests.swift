import JSON
import NIOCore
import Testing

/// What a call might take.
private struct Order: JSONReadable, Equatable {
    struct Line: JSONReadable, Equatable {
        var item: String
        var count: Int
        var price: Double?

        init(from json: inout JSONReader) throws(JSONError) {
            var (item, count): (String?, Int?)
            try json.beginObject()
            while let name = try json.nextMember() {
                switch name {
                case "item": item = try json.string()
                case "count": count = try json.int()
                case "price": price = try json.doubleOrNull()
                default: try json.skip()
                }
            }
            self.item = try json.required(item, "item")
            self.count = try json.required(count, "count")
        }
    }

    var lines: [Line]
    var isUrgent: Bool?
    var note: String?

    init(from json: inout JSONReader) throws(JSONError) {
        var lines: [Line]?
        try json.beginObject()
        while let name = try json.nextMember() {
            switch name {
            case "lines": lines = try json.array(of: Line.self)
            case "urgent": isUrgent = try json.boolOrNull()
            case "note": note = try json.stringOrNull()
            default: try json.skip()
            }
        }
        self.lines = try json.required(lines, "lines")
    }
}

@Suite("A text is read into values, and an error names the field")
struct ReaderTests {
    private func read(_ text: String) throws -> Order { try Order(json: ByteBuffer(string: text)) }

    private func value(_ text: String) throws -> JSONValue { try JSONValue(json: ByteBuffer(string: text)) }

    @Test("Members may come in any order and with others, null stands for an absent one")
    func order() throws {
        let order = try read(
            #"""
             { "note" : null, "more": {"lines": [[{"x": -1.5e9}, "}]"]]},
               "lines" : [ {"count": 2, "item": "a\tb"}, {"item":"é","more":[],"price":0.25,"count":-3} ], "urgent":true }
            """#)
        #expect(order.lines.map(\.item) == ["a\tb", "é"])
        #expect(order.lines.map(\.count) == [2, -3])
        #expect(order.lines.map(\.price) == [nil, 0.25])
        #expect(order.isUrgent == true && order.note == nil)
        #expect(try read(#"{"lines":[]}"#).lines.isEmpty)
    }

    @Test(
        "A value of another kind is refused by the path to it",
        arguments: [
            (#"{"lines":7}"#, "lines", "must be an array"), (#"{"lines":null}"#, "lines", "must be an array"),
            (#"{"lines":[7]}"#, "lines[0]", "must be a JSON object"),
            (#"{"lines":[{"item":"a","count":1},{"item":7}]}"#, "lines[1].item", "must be a string"),
            (#"{"x":[[1],[2]],"lines":[{"item":null}]}"#, "lines[0].item", "must be a string"),
            (#"{"lines":[{"count":"1"}]}"#, "lines[0].count", "must be a whole number"),
            (#"{"lines":[{"price":"1"}]}"#, "lines[0].price", "must be a number"),
            (#"{"lines":[{"price":1e999}]}"#, "lines[0].price", "must be a number"),
            (#"{"urgent":1}"#, "urgent", "must be true or false"), ("[]", "", "must be a JSON object"),
            ("null", "", "must be a JSON object"), (#""text""#, "", "must be a JSON object"),
        ])
    func refused(text: String, field: String, message: String) {
        #expect(throws: JSONError(.refused(field: field, message: message))) { try read(text) }
    }

    @Test(
        "A member that has to be there is missed by its path",
        arguments: [
            ("{}", "lines"), (#"{"lines":[{"item":"a","count":1},{"item":"a"}]}"#, "lines[1].count"),
            (#"{"x":{"lines":[]}}"#, "lines"),
        ])
    func missing(text: String, field: String) {
        #expect(throws: JSONError(.missing(field: field))) { try read(text) }
    }

    @Test(
        "What is wrong with a field counts only in a well-formed text",
        arguments: [#"{"lines":7,"#, #"{"lines":[{"count":"1"}]"#, "[]]", #"{"urgent":1,"note":"\ud800"}"#, "{}{}"])
    func malformed(text: String) throws {
        let error = try #require(throws: JSONError.self) { try read(text) }
        #expect(error.isMalformed, "\(error)")
    }

    @Test("Where a text stops being well-formed is told by its byte")
    func place() {
        #expect(throws: JSONError(.malformed(reason: "no value where one belongs", byte: 5))) { try value("[1,  é]") }
    }

    @Test(
        "Whole numbers are exact, and those an Int cannot hold or that are written otherwise are refused",
        arguments: [
            ("0", 0), ("-0", 0), ("-1", -1), ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("100000000000000000000", nil), ("1.0", nil), ("1e2", nil), ("1.5", nil),
        ] as [(String, Int?)])
    func wholeNumbers(text: String, int: Int?) throws {
        if let int {
            #expect(try value(text) == .int(int))
        } else {
            #expect(throws: JSONError(.refused(field: "[0]", message: "must be a whole number"))) {
                try value("[\(text)]")
            }
        }
    }

    @Test(
        "Escapes stand for what RFC 8259 says",
        arguments: [
            (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"), (#"\u0041\u00e9\u20AC"#, "Aé€"), (#"\ud834\uDD1E"#, "𝄞"),
            (#"a\u0000b"#, "a\0b"), (#"\\u0041"#, "\\u0041"), (#"\uffff"#, "\u{FFFF}"),
            (#"é\n€"#, "é\n€"),
        ] as [(String, String)])
    func escapes(text: String, meant: String) throws {
        #expect(try value("\"\(text)\"") == .string(meant))
        #expect(try value("{\"\(text)\":1}") == .object([.init(name: meant, value: .int(1))]))
    }

    @Test("The kind of an object is seen before it is read, wherever the member stands")
    func ahead() throws {
        struct Tagged: JSONReadable {
            var tag: String
            var value: JSONValue

            init(from json: inout JSONReader) throws(JSONError) {
                tag = try json.string(ofMember: "tag")
                value = try JSONValue(from: &json)
            }
        }
        let tagged = try Tagged(json: ByteBuffer(string: #"{"n":[1],"tag":"t"}"#))
        #expect(tagged.tag == "t")
        #expect(
            tagged.value
                == .object([.init(name: "n", value: .array([.int(1)])), .init(name: "tag", value: .string("t"))]))
        #expect(throws: JSONError(.missing(field: "tag"))) { try Tagged(json: ByteBuffer(string: "{}")) }
    }
}
