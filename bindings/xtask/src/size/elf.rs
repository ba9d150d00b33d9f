//! Reads as much of an ELF file as tells how it will be loaded: 64 bits, little endian.

/// What is asked of a library.
#[derive(Debug, Eq, PartialEq)]
pub struct Elf {
    /// Every segment that is loaded, in the order of the file.
    pub loads: Vec<Load>,
    /// Whether the table of symbols that only a debugger reads is gone.
    pub stripped: bool,
    /// `e_machine`; 183 is AArch64.
    pub machine: u16,
}

/// A segment that the system maps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Load {
    pub offset: u64,
    pub address: u64,
    pub align: u64,
}

impl Load {
    /// Whether it can be mapped where pages have this size: `p_align` says so, and place in the file
    /// and place in memory agree.
    pub fn fits_pages_of(&self, page: u64) -> bool {
        self.align.is_power_of_two()
            && self.align >= page
            && self.address % self.align == self.offset % self.align
    }
}

/// From the AArch64 ELF specification.
pub const AARCH64: u16 = 183;
const PT_LOAD: u32 = 1;
const SHT_SYMTAB: u32 = 2;

impl Elf {
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let file = Fields(bytes);
        if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err("not an ELF file of 64 bits, little endian".to_owned());
        }
        let segments = file.table(0x20, 0x36, 0x38)?;
        let mut loads = Vec::new();
        for at in segments {
            if file.word(at)? == PT_LOAD {
                loads.push(Load {
                    offset: file.long(at + 0x08)?,
                    address: file.long(at + 0x10)?,
                    align: file.long(at + 0x30)?,
                });
            }
        }
        let mut stripped = true;
        for at in file.table(0x28, 0x3a, 0x3c)? {
            stripped &= file.word(at + 4)? != SHT_SYMTAB;
        }
        Ok(Self {
            loads,
            stripped,
            machine: file.half(0x12)?,
        })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// Where the entries of a table begin, from the places of its offset, entry size and count.
    fn table(&self, offset: usize, size: usize, count: usize) -> Result<Vec<usize>, String> {
        let begin = usize::try_from(self.long(offset)?).map_err(|error| error.to_string())?;
        let size = usize::from(self.half(size)?);
        let entries = 0..usize::from(self.half(count)?);
        Ok(entries
            .map(|entry| begin.saturating_add(entry * size))
            .collect())
    }

    fn half(&self, at: usize) -> Result<u16, String> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    fn word(&self, at: usize) -> Result<u32, String> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    fn long(&self, at: usize) -> Result<u64, String> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], String> {
        self.0
            .get(at..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .ok_or_else(|| format!("the ELF file ends before byte {at}"))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A library of headers only: these loaded segments, and a symbol table or not.
    pub fn library(loads: &[Load], symbols: bool) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        let mut set = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        set(0, b"\x7fELF\x02\x01\x01");
        set(0x12, &AARCH64.to_le_bytes());
        set(0x20, &64_u64.to_le_bytes());
        set(0x36, &56_u16.to_le_bytes());
        set(0x38, &(loads.len() as u16 + 1).to_le_bytes());
        set(0x28, &(64 + 56 * (loads.len() as u64 + 1)).to_le_bytes());
        set(0x3a, &64_u16.to_le_bytes());
        set(0x3c, &1_u16.to_le_bytes());
        // PT_DYNAMIC, which is aligned to 8 and not loaded.
        let mut dynamic = [0; 56];
        dynamic[0] = 2;
        dynamic[0x30] = 8;
        bytes.extend(dynamic);
        for load in loads {
            let mut segment = [0; 56];
            segment[0] = 1;
            segment[0x08..0x10].copy_from_slice(&load.offset.to_le_bytes());
            segment[0x10..0x18].copy_from_slice(&load.address.to_le_bytes());
            segment[0x30..0x38].copy_from_slice(&load.align.to_le_bytes());
            bytes.extend(segment);
        }
        let mut section = [0; 64];
        section[4] = if symbols { 2 } else { 3 };
        bytes.extend(section);
        bytes
    }

    pub fn load(offset: u64, address: u64, align: u64) -> Load {
        Load {
            offset,
            address,
            align,
        }
    }

    #[test]
    fn loaded_segments_and_the_symbol_table_are_found() {
        let loads = [load(0, 0, 0x4000), load(0x1234, 0x5234, 0x4000)];
        let elf = Elf::read(&library(&loads, true)).expect("an ELF file");
        assert_eq!(elf.loads, loads);
        assert_eq!((elf.stripped, elf.machine), (false, AARCH64));
        assert!(Elf::read(&library(&loads, false)).expect("ELF").stripped);
    }

    #[test]
    fn a_file_cut_short_is_an_error_and_not_a_pass() {
        let whole = library(&[load(0, 0, 0x4000)], false);
        for length in [0, 5, 63, 64, 100, 180] {
            assert!(Elf::read(&whole[..length]).is_err(), "{length}");
        }
        assert!(Elf::read(b"\x7fELF\x01\x01 thirty-two bits").is_err());
    }

    #[test]
    fn a_page_of_16_kb_needs_as_much_alignment() {
        assert!(load(0x234, 0x4234, 0x4000).fits_pages_of(0x4000));
        assert!(load(0, 0, 0x10000).fits_pages_of(0x4000));
        assert!(!load(0, 0, 0x1000).fits_pages_of(0x4000));
        assert!(!load(0x1000, 0x2000, 0x4000).fits_pages_of(0x4000));
        assert!(!load(0, 0, 0x5000).fits_pages_of(0x4000));
    }
}
