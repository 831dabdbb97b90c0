//! Usage as logs of format 1 stored it: what is counted of the cells of a part was in three blobs. The cells themselves
//! were what they are now.

use super::cells::{Cell, read_cells};
use super::runs::seal;
use crate::columns::{MERGED, read};
use crate::search::total::Sums;
use crate::snapshot::{PartColumn, PartKey};
use crate::transaction::NewPart;
use mcp_audit_log_model::histogram::BUCKETS;

/// Cells whose sums had numbers of one width.
const WORD: usize = 64;
/// How many sums a cell has.
const SUMS: usize = 8;

/// A part of a run of format 1, with the checksums that were stored.
#[derive(Clone, Copy, Debug)]
pub struct PartOfFormat1<'a> {
    /// Which one.
    pub key: PartKey,
    /// The dimensions, as columns.
    pub cells: &'a [u8],
    /// The sums of each cell.
    pub sums: &'a [u8],
    /// The histogram of each cell.
    pub durations: &'a [u8],
    /// The users of each cell; only of days, and only if the user is no dimension.
    pub users: Option<&'a [u8]>,
}

impl PartOfFormat1<'_> {
    /// The same part as it is stored now, in logs whose blocks have `block` entries; `None` if it is damaged.
    pub fn converted(self, block: u64) -> Option<NewPart> {
        let (key, whole) = (self.key, |name, bytes| unsealed(self.key, name, bytes));
        let cells = whole("cells", self.cells)?;
        let (_, all) = read_cells(cells, block * MERGED)?;
        let count = usize::try_from(all.count()).ok()?;
        let sums = sums(whole("sums", self.sums)?, count)?;
        let durations = ragged(whole("durations", self.durations)?, count)?;
        let users = match self.users {
            Some(bytes) => users(whole("users", bytes)?, count)?,
            None => vec![Vec::new(); count],
        };
        let mut amounts = Vec::new();
        for ((sums, durations), users) in sums.into_iter().zip(durations).zip(users) {
            Cell { sums: Sums::from_numbers(sums), buckets: buckets(durations, sums[2])?, users }.write(&mut amounts);
        }
        let mut cells = cells.to_vec();
        cells.extend(seal(key, PartColumn::Cells, &cells));
        amounts.extend(seal(key, PartColumn::Amounts, &amounts));
        Some(NewPart { key, cells, amounts })
    }
}

/// The bytes before their CRC-32, which covers the key and the name of the column too.
fn unsealed<'b>(key: PartKey, name: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let (bytes, sum) = bytes.split_last_chunk()?;
    let mut hasher = crc32fast::Hasher::new();
    [key.run, key.number, key.share].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.update(name.as_bytes());
    hasher.update(bytes);
    (hasher.finalize().to_le_bytes() == *sum).then_some(bytes)
}

/// The sums of each cell. They were stored by sum, and in words of 64 cells with one width.
fn sums(mut bytes: &[u8], count: usize) -> Option<Vec<[u64; SUMS]>> {
    if read(&mut bytes)? != count as u64 {
        return None;
    }
    let mut found = vec![[0; SUMS]; count];
    for at in 0..SUMS {
        for word in found.chunks_mut(WORD) {
            let (width, rest) = bytes.split_first()?;
            let width = usize::from(*width);
            let (numbers, rest) = rest.split_at_checked((width <= 8).then_some(width)? * word.len())?;
            bytes = rest;
            for (cell, number) in word.iter_mut().zip(numbers.chunks(width.max(1))) {
                cell[at] = number.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            }
        }
    }
    bytes.is_empty().then_some(found)
}

/// A string for each cell: the number of strings, their lengths, and then the strings.
fn ragged(mut bytes: &[u8], count: usize) -> Option<Vec<&[u8]>> {
    if read(&mut bytes)? != count as u64 {
        return None;
    }
    let lengths = (0..count).map(|_| usize::try_from(read(&mut bytes)?).ok()).collect::<Option<Vec<_>>>()?;
    let mut strings = Vec::with_capacity(count);
    for length in lengths {
        let (string, rest) = bytes.split_at_checked(length)?;
        strings.push(string);
        bytes = rest;
    }
    bytes.is_empty().then_some(strings)
}

/// The bucket of each of the `timed` durations of a cell.
fn buckets(mut string: &[u8], timed: u64) -> Option<Vec<u16>> {
    let (mut buckets, mut bucket) = (Vec::new(), 0_u64);
    while !string.is_empty() {
        let step = read(&mut string)?;
        let count = if step & 1 == 1 { read(&mut string)?.checked_add(1)? } else { 1 };
        bucket = bucket.checked_add(step >> 1).filter(|bucket| *bucket < BUCKETS as u64)?;
        let room = timed.checked_sub(buckets.len() as u64)?;
        let count = usize::try_from(count.min(room.checked_add(1)?)).ok()?;
        buckets.extend(std::iter::repeat_n(u16::try_from(bucket).ok()?, count));
    }
    (buckets.len() as u64 == timed).then_some(buckets)
}

/// The users of each cell: a bitmap, or the distances between their numbers.
fn users(mut bytes: &[u8], count: usize) -> Option<Vec<Vec<u64>>> {
    let (first, bitmap) = (read(&mut bytes)?, read(&mut bytes)?);
    let of_cell = |mut set: &[u8]| {
        if set.len() as u64 == bitmap {
            let bits = set.iter().enumerate().flat_map(|(at, byte)| {
                (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at as u64 * 8 + bit)
            });
            return bits.map(|number| first.checked_add(number)).collect();
        }
        let (mut users, mut user) = (Vec::new(), first);
        while !set.is_empty() {
            user = user.checked_add(read(&mut set)?)?;
            users.push(user);
        }
        Some(users)
    };
    ragged(bytes, count)?.into_iter().map(of_cell).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cells::{CellAmounts, pack_cells};
    use super::*;
    use crate::columns::write;
    use crate::search::total::{Amounts, Total};
    use mcp_audit_log_model::field::Field;

    const KEY: PartKey = PartKey { run: 7, number: 3, share: 0 };

    fn sealed(name: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut hasher = crc32fast::Hasher::new();
        [KEY.run, KEY.number, KEY.share].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
        hasher.update(name.as_bytes());
        hasher.update(&bytes);
        bytes.extend(hasher.finalize().to_le_bytes());
        bytes
    }

    fn strings(strings: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![strings.len() as u8];
        strings.iter().for_each(|string| write(&mut bytes, string.len() as u64));
        strings.iter().for_each(|string| bytes.extend_from_slice(string));
        bytes
    }

    #[test]
    fn what_was_counted_of_each_cell_is_carried_over() {
        let cells = sealed("cells", pack_cells(2, [(Field::Tool, vec![1, 2])]));
        // Three requests of the first cell, one of the second, none with tokens; two bytes for the sum of durations.
        let mut sums = vec![2, 1, 3, 1, 1, 1, 0, 1, 3, 1, 2, 0x2c, 0x01, 5, 0, 2, 0x90, 0x01, 5, 0];
        sums.extend([0; 3]);
        let sums = sealed("sums", sums);
        // Bucket 2 twice and bucket 4 once; bucket 5 once.
        let durations = sealed("durations", strings(&[&[2 << 1 | 1, 1, 2 << 1], &[5 << 1]]));
        // A bitmap of the users 64 and 70; a list of the user 65.
        let mut users = vec![64, 8];
        users.extend(strings(&[&[0b100_0001, 0, 0, 0, 0, 0, 0, 0], &[1]]));
        let users = sealed("users", users);
        let part = PartOfFormat1 { key: KEY, cells: &cells, sums: &sums, durations: &durations, users: Some(&users) };
        let new = part.converted(64).expect("converted");
        let (bytes, sum) = new.amounts.split_last_chunk().expect("a checksum");
        assert_eq!(seal(KEY, PartColumn::Amounts, bytes), *sum);
        let amounts = CellAmounts::read(bytes, 2).expect("amounts");
        let total = |rows: &[usize]| {
            let mut total = Total::new(true);
            rows.iter().for_each(|row| amounts.add(*row, &mut total));
            total
        };
        let mut expected = Total::new(true);
        expected.sums = Sums::from_numbers([3, 1, 3, 300, 400, 0, 0, 0]);
        expected.add_durations(2, 2);
        expected.add_durations(4, 1);
        [64, 70].into_iter().for_each(|user| expected.add_user(user));
        assert_eq!(total(&[0]), expected);
        let mut other = Total::new(true);
        other.sums = Sums::from_numbers([1, 0, 1, 5, 5, 0, 0, 0]);
        other.add_durations(5, 1);
        other.add_user(65);
        assert_eq!(total(&[1]), other);
        // A flipped bit anywhere is noticed.
        for (at, blob) in [&cells, &sums, &durations, &users].into_iter().enumerate() {
            for byte in 0..blob.len() {
                let mut damaged = blob.clone();
                damaged[byte] ^= 4;
                let mut blobs = [&cells[..], &sums, &durations, &users];
                blobs[at] = &damaged;
                let [cells, sums, durations, users] = blobs;
                let part = PartOfFormat1 { key: KEY, cells, sums, durations, users: Some(users) };
                assert!(part.converted(64).is_none(), "blob {at}, byte {byte}");
            }
        }
    }
}
