//! Calendar arithmetic in UTC: Unix seconds to a date and back. Knows no clock and no time zone.

/// A moment of the proleptic Gregorian calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

const DAY_SECONDS: i64 = 86_400;
/// Days of the 400 years after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970: years that begin in March end with the leap day.
const EPOCH_DAYS: i64 = 719_468;

impl Civil {
    /// The date of `seconds` since the Unix epoch.
    pub fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY_SECONDS) + EPOCH_DAYS;
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
        }
    }

    /// Seconds since the Unix epoch; `None` when a field is out of its range.
    pub fn to_unix(self) -> Option<i64> {
        let clock_is_valid = self.hour < 24 && self.minute < 60 && self.second < 60;
        let month_is_valid = (1..=12).contains(&self.month);
        if !clock_is_valid || !month_is_valid || !(0..=9999).contains(&self.year) {
            return None;
        }
        let from_march = i64::from((self.month + 9) % 12);
        let year = self.year - i64::from(self.month <= 2);
        let of_year = (153 * from_march + 2) / 5 + i64::from(self.day) - 1;
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = era * ERA_DAYS + of_era - EPOCH_DAYS;
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let unix = days * DAY_SECONDS + of_day;
        (Self::from_unix(unix) == self).then_some(unix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAP_DAY: Civil = Civil { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58 };

    #[test]
    fn known_moments_have_their_dates() {
        let epoch = Civil { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
        assert_eq!(Civil::from_unix(0), epoch);
        assert_eq!(Civil::from_unix(1_709_251_198), LEAP_DAY);
        assert_eq!(Civil::from_unix(-1).year, 1969);
    }

    #[test]
    fn every_day_of_eight_centuries_survives_a_round_trip() {
        for day in -146_097..146_097 {
            let unix = day * DAY_SECONDS + 3723;
            assert_eq!(Civil::from_unix(unix).to_unix(), Some(unix));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert_eq!(Civil { year: 2023, ..LEAP_DAY }.to_unix(), None);
        assert_eq!(Civil { month: 13, ..LEAP_DAY }.to_unix(), None);
        assert_eq!(Civil { day: 0, ..LEAP_DAY }.to_unix(), None);
        assert_eq!(Civil { hour: 24, ..LEAP_DAY }.to_unix(), None);
    }
}
