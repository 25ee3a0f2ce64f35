extension JSON {
    package var members: [String: JSON] {
        if case .object(let members) = self { members } else { [:] }
    }

    package var strings: [String] { list.compactMap(\.string) }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral text: String) { self = .text(text) }
    package init(integerLiteral number: Int) { self = .number(Double(number)) }
    package init(booleanLiteral bool: Bool) { self = .bool(bool) }
    package init(arrayLiteral elements: JSON...) { self = .list(elements) }
    package init(nilLiteral: ()) { self = .null }
}
