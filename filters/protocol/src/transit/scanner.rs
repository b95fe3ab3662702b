//! JSON read while it comes, cut anywhere: checked byte by byte as the grammar says (RFC 8259), and told apart by what its
//! bytes are. Nothing is held but the brackets that are open.

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 512;

/// What a run of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space between tokens.
    Space,
    /// The bracket that opens an object or an array.
    Open,
    /// The bracket that closes it.
    Close,
    /// Between members or entries.
    Comma,
    /// Between a name and its value.
    Colon,
    /// A part of a member's name, quotes included.
    Name,
    /// A part of a text, a number or a word.
    Scalar,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Scanner {
    open: Vec<u8>,
    state: State,
    letters: Letters,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value; the array may end instead.
    Value { or_end: bool },
    /// Before a name; the object may end instead.
    Name { or_end: bool },
    /// Before the colon.
    Colon,
    /// Behind a value.
    After,
    /// Inside a text, which is a member's name or a value.
    Text { name: bool, escape: Escape },
    /// Inside a number.
    Number(Number),
    /// Inside a word; what is left of it.
    Word(&'static [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// Behind the backslash.
    Begun,
    /// So many digits are left.
    Hex(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), state: State::Value { or_end: false }, letters: Letters::default() }
    }

    /// Brackets that are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the value is complete. A bare number is only once something follows it.
    pub(super) fn is_done(&self) -> bool {
        self.open.is_empty() && self.state == State::After
    }

    /// What `input` begins with, and how many of its bytes belong to that: at least one, unless it is empty.
    ///
    /// # Errors
    /// Why it is not JSON.
    pub(super) fn run(&mut self, input: &[u8]) -> Result<(Kind, usize), &'static str> {
        let Some(&first) = input.first() else { return Ok((Kind::Space, 0)) };
        match self.state {
            State::Text { name, escape } => return self.text(input, name, escape),
            State::Word(rest) => return self.word(first, rest),
            State::Number(number) => {
                let length = self.number(input, number)?;
                if length > 0 {
                    return Ok((Kind::Scalar, length));
                }
            }
            _ => {}
        }
        let spaces = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        if spaces > 0 { Ok((Kind::Space, spaces)) } else { self.token(first).map(|kind| (kind, 1)) }
    }

    fn token(&mut self, first: u8) -> Result<Kind, &'static str> {
        match (self.state, first) {
            (State::Value { or_end: true }, b']') | (State::Name { or_end: true }, b'}') => self.close(first),
            (State::Value { .. }, _) => self.begin(first),
            (State::Name { .. }, b'"') => {
                self.state = State::Text { name: true, escape: Escape::None };
                Ok(Kind::Name)
            }
            (State::Colon, b':') => {
                self.state = State::Value { or_end: false };
                Ok(Kind::Colon)
            }
            (State::After, b',') => match self.open.last() {
                Some(b'{') => self.expect(State::Name { or_end: false }),
                Some(_) => self.expect(State::Value { or_end: false }),
                None => Err("data after its end"),
            },
            (State::After, b'}' | b']') => self.close(first),
            _ => Err("an unexpected character"),
        }
    }

    fn expect(&mut self, state: State) -> Result<Kind, &'static str> {
        self.state = state;
        Ok(Kind::Comma)
    }

    fn begin(&mut self, first: u8) -> Result<Kind, &'static str> {
        self.state = match first {
            b'{' | b'[' => {
                if self.open.len() >= DEPTH_MAX {
                    return Err("nesting deeper than allowed");
                }
                self.open.push(first);
                let object = first == b'{';
                self.state = if object { State::Name { or_end: true } } else { State::Value { or_end: true } };
                return Ok(Kind::Open);
            }
            b'"' => State::Text { name: false, escape: Escape::None },
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            b'-' => State::Number(Number::Minus),
            b'0' => State::Number(Number::Zero),
            b'1'..=b'9' => State::Number(Number::Whole),
            _ => return Err("an unexpected character"),
        };
        Ok(Kind::Scalar)
    }

    fn close(&mut self, bracket: u8) -> Result<Kind, &'static str> {
        match (self.open.pop(), bracket) {
            (Some(b'{'), b'}') | (Some(b'['), b']') => {
                self.state = State::After;
                Ok(Kind::Close)
            }
            _ => Err("brackets that do not match"),
        }
    }

    fn word(&mut self, byte: u8, rest: &'static [u8]) -> Result<(Kind, usize), &'static str> {
        match rest.split_first() {
            Some((wanted, rest)) if *wanted == byte => {
                self.state = if rest.is_empty() { State::After } else { State::Word(rest) };
                Ok((Kind::Scalar, 1))
            }
            _ => Err("an unknown word"),
        }
    }

    /// How many bytes of `input` go on with the number.
    fn number(&mut self, input: &[u8], mut number: Number) -> Result<usize, &'static str> {
        for (at, byte) in input.iter().enumerate() {
            let Some(next) = number.next(*byte) else {
                if !number.may_end() {
                    return Err("a number without digits");
                }
                self.state = State::After;
                return Ok(at);
            };
            number = next;
        }
        self.state = State::Number(number);
        Ok(input.len())
    }

    fn text(&mut self, input: &[u8], name: bool, escape: Escape) -> Result<(Kind, usize), &'static str> {
        let kind = if name { Kind::Name } else { Kind::Scalar };
        if escape != Escape::None {
            let escape = escape.next(input.first().copied().unwrap_or_default())?;
            self.state = State::Text { name, escape };
            return Ok((kind, 1));
        }
        let end = memchr::memchr2(b'"', b'\\', input);
        let run = end.and_then(|end| input.get(..=end)).unwrap_or(input);
        // Without a way out before the end, so that many bytes are looked at at once.
        if run.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
            return Err("a control character in a text");
        }
        self.letters.take(run)?;
        match run.last() {
            Some(b'"') if name => self.state = State::Colon,
            Some(b'"') => self.state = State::After,
            Some(b'\\') => self.state = State::Text { name, escape: Escape::Begun },
            _ => {}
        }
        Ok((kind, run.len()))
    }
}

impl Escape {
    fn next(self, byte: u8) -> Result<Self, &'static str> {
        match (self, byte) {
            (Self::Begun, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(Self::None),
            (Self::Begun, b'u') => Ok(Self::Hex(4)),
            (Self::Hex(1), digit) if digit.is_ascii_hexdigit() => Ok(Self::None),
            (Self::Hex(left), digit) if digit.is_ascii_hexdigit() => Ok(Self::Hex(left - 1)),
            _ => Err("an unknown escape"),
        }
    }
}

impl Number {
    /// Where `byte` leads; none if it does not belong to the number.
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::Sign),
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Some(Self::Power),
            _ => None,
        }
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Power)
    }
}

/// The letters of texts: UTF-8, a letter perhaps cut in two.
#[derive(Debug, Default)]
struct Letters(Vec<u8>);

impl Letters {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while !self.0.is_empty() {
            let Some((byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.0.push(*byte);
            bytes = rest;
            if Self::unfinished(&self.0)?.is_empty() {
                self.0.clear();
            }
        }
        self.0.extend_from_slice(Self::unfinished(bytes)?);
        Ok(())
    }

    /// The beginning of a letter that `bytes` end with.
    fn unfinished(bytes: &[u8]) -> Result<&[u8], &'static str> {
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(&[]),
            Err(error) if error.error_len().is_none() => Ok(bytes.get(error.valid_up_to()..).unwrap_or_default()),
            Err(_) => Err("text that is not UTF-8"),
        }
    }
}
