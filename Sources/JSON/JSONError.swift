/// Why a text is not read.
@usableFromInline
package struct JSONError: Error, Equatable, Sendable {
    @usableFromInline
    package enum Kind: Equatable, Sendable {
        /// The text is no JSON by RFC 8259, or beyond `JSONLimits`. `reason` continues the sentence "it has ...".
        case malformed(reason: String, byte: Int)
        /// The text is JSON, but a member that has to be there is not.
        case missing(field: String)
        /// The text is JSON, but a value is not what it has to be. `message` continues the sentence that starts with
        /// the field: `sessions[3].session`, empty for the text as a whole.
        case refused(field: String, message: String)
    }

    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }

    package var isMalformed: Bool { if case .malformed = kind { true } else { false } }
}

/// What bounds the reading of a text; how long it may be is up to who receives it.
package enum JSONLimits {
    /// Arrays and objects inside each other.
    package static let depthMax = 512
    /// Members of one object: each is compared with those before it, as none may be given twice.
    package static let membersMax = 128
}
